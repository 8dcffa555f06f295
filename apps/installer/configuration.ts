import { lstat, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../error.ts';
import { readIfThere } from '../files/durable-file.ts';
import { getErrorCode } from '../process/code-of.ts';
import type { Configuration } from './answer.ts';
import { InstallError } from './error.ts';

/** Files of a configuration: path below `/quantix` → content. Only root can read them. */
export type ConfigurationFiles = ReadonlyMap<string, Buffer>;

/**
 * Names below `/quantix` that are not carried over: they belong to one installation or to one boot, or describe what is
 * stored elsewhere, such as deployed agents and the versions in the slots of another disk.
 */
const LEFT_BEHIND =
  /^(install\.yaml.*|install\.json|deployment\.json|record\.json|reset|lost\+found|\..*|.*\.rejected.*)$/;

/** Largest configuration that is carried over, in bytes. */
const MOST = 32 * 1024 * 1024;

/** Session files whose persistent counterparts are below `/quantix`. */
const SESSION = {
  network: 'etc/quantix/network',
  shadow: 'etc/shadow',
  keys: 'etc/ssh/authorized_keys.d/root',
};

/**
 * Returns the running system's configuration for an installed system: the stored one, and what was set for this session
 * only because nothing could be stored.
 * @param root folder that contains quantix and etc
 * @throws InstallError if it is larger than `MOST` bytes, or a folder cannot be read
 */
export async function readLiveConfiguration(root = '/'): Promise<ConfigurationFiles> {
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

/** Collects the files of a folder and its subfolders; links and devices are skipped. */
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

/** Lists the names in a folder; none if it does not exist. @throws InstallError if it cannot be read */
async function namesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((cause: unknown) => {
    if (getErrorCode(cause) === 'ENOENT') return [];
    throw new InstallError({
      what: `the configuration of this system cannot be read: ${messageOf(cause)}`,
      where: folder,
      fix: 'Nothing was written. Repair it, or install without carrying it over.',
      cause,
    });
  });
  return names.sort();
}

/** Adds the files of an answer's configuration to those carried over, which they replace. */
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
