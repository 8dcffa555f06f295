import { spawnSync } from 'node:child_process';

/** Why this host cannot make network namespaces; empty if it can. */
export const hindrance = findHindrance();

function findHindrance(): string {
  const own = ['--net', '--mount', '--pid', '--uts', '--fork', '--mount-proc'];
  const link = ['ip', 'link', 'add', 'name', 'probe', 'type', 'veth'];
  const { status, error, stderr } = spawnSync('unshare', [...own, ...link], { encoding: 'utf8' });
  if (error !== undefined) return error.message;
  return status === 0 ? '' : stderr.trim();
}
