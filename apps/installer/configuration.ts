import { lstat, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readIfThere } from '../files/durable-file.ts';
import type { Configuration } from './answer.ts';
import { InstallError } from './error.ts';

/** Files of a configuration: path below `/quantix` → what is in it. All are root's alone. */
export type ConfigurationFiles = ReadonlyMap<string, Buffer>;

/**
 * Names below `/quantix` of what belongs to one installation, to one boot, or to what lies elsewhere, as deployed agents and the
 * versions in the slots of another disk do: it is not carried over.
 */
const LEFT_BEHIND =
  /^(install\.yaml.*|install\.json|deployment\.json|record\.json|reset|lost\+found|\..*|.*\.rejected.*)$/;

/** Bytes of a configuration that is carried over, at most. */
const MOST = 32 * 1024 * 1024;

/** Where things of this session are that a machine keeps below `/quantix` when it can. */
const SESSION = {
  network: 'etc/quantix/network',
  shadow: 'etc/shadow',
  keys: 'etc/ssh/authorized_keys.d/root',
};

/**
 * The configuration of the system that runs, as it is to be after a restart: what is kept, and what was set for this session
 * only because there was no place to keep it.
 * @param root folder in which quantix and etc are
 * @throws InstallError if it is larger than a configuration can be
 */
export async function liveConfiguration(root = '/'): Promise<ConfigurationFiles> {
  const files = new Map<string, Buffer>();
  await collect(join(root, 'quantix'), '', files);
  await collect(join(root, SESSION.network), 'network/', files);
  const shadow = (await readIfThere(join(root, SESSION.shadow))) ?? '';
  const [, hash] = /^root:(\$[^:\n]+):/m.exec(shadow) ?? [];
  if (hash !== undefined && !files.has('auth/shadow'))
    files.set('auth/shadow', line(`root:${hash}`));
  const keys = await readIfThere(join(root, SESSION.keys));
  if (keys && !files.has('ssh/authorized_keys'))
    files.set('ssh/authorized_keys', Buffer.from(keys));
  return files;
}

/** Files of a folder and of those in it; links and devices are nobody's configuration. */
async function collect(folder: string, prefix: string, files: Map<string, Buffer>): Promise<void> {
  for (const name of await namesIn(folder)) {
    if (LEFT_BEHIND.test(name)) continue;
    const path = join(folder, name);
    const entry = await lstat(path);
    if (entry.isDirectory()) await collect(path, `${prefix}${name}/`, files);
    if (!entry.isFile()) continue;
    const total = [...files.values()].reduce((sum, { length }) => sum + length, entry.size);
    if (total > MOST) {
      throw new InstallError({
        what: `the configuration of this system has more than ${MOST} bytes`,
        where: path,
        fix: 'Remove what does not belong there, or install without carrying it over.',
      });
    }
    files.set(`${prefix}${name}`, await readFile(path));
  }
}

async function namesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  return names.sort();
}

/** The files that an answer's configuration stands for, over those that were carried over. */
export function withConfiguration(
  carried: ConfigurationFiles,
  answer: Configuration,
): ConfigurationFiles {
  const files = new Map(carried);
  const { hostname, network, join: membership } = answer;
  if (hostname !== undefined) files.set('hostname', line(hostname));
  if (answer['password-hash'] !== undefined) {
    files.set('auth/shadow', line(`root:${answer['password-hash']}`));
  }
  if (answer['ssh-keys'] !== undefined) {
    files.set('ssh/authorized_keys', line(answer['ssh-keys'].join('\n')));
  }
  if (answer.ssh === true) files.set('ssh/enabled', line('SSH comes up at boot'));
  if (answer.ssh === false) files.delete('ssh/enabled');
  if (network !== undefined) {
    for (const path of carried.keys()) if (path.startsWith('network/')) files.delete(path);
    for (const [name, values] of Object.entries(network)) {
      const lines = Object.entries(values).map(([key, value]) => `${key}=${value}`);
      files.set(`network/${name}.conf`, line(lines.join('\n')));
    }
  }
  if (membership !== undefined) {
    for (const path of carried.keys()) if (path.startsWith('node/')) files.delete(path);
    files.set(
      'node/node.yaml',
      line(`controlPlane: ${membership['control-plane']}\njoinToken: ${membership.token}`),
    );
  }
  return files;
}

function line(text: string): Buffer {
  return Buffer.from(`${text}\n`);
}
