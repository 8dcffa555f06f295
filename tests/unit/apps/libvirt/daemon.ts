import { spawnSync } from 'node:child_process';
import { chown, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, onTestFinished, vi } from 'vitest';
import { type Finished, temporaryFolder } from '../../folder.ts';

/** An account without files: as root, libvirtd would use the host's own files. */
const NOBODY = 65_534;

const PATIENCE = { timeout: 30_000, interval: 50 };

/** Whether virsh and libvirtd are installed. */
export const LIBVIRT_IS_HERE = ['virsh', 'libvirtd'].every(
  (name) => spawnSync(name, ['--version']).error === undefined,
);

/** A libvirt daemon of one test, with the test driver: machines that exist in its memory only. */
export interface Daemon {
  /** Its connection URI. */
  uri: string;
  start: () => Promise<void>;
  /** Ends it as a crash would. */
  kill: () => Promise<void>;
  /** Runs a command of virsh, as another client does. */
  virsh: (...args: string[]) => Promise<string>;
  /** Defines a machine, as another client does. */
  define: (xml: string) => Promise<string>;
}

/**
 * A libvirt daemon that is not started yet, and is removed after the test.
 * @param finished `onTestFinished` of the test's context, if the tests of a file run at the same time
 */
export async function libvirtDaemon(finished: Finished = onTestFinished): Promise<Daemon> {
  const folder = await temporaryFolder(finished);
  const uri = `test+unix:///default?socket=${folder}/libvirt-sock`;
  const root = process.getuid?.() === 0;
  const configuration = [
    `unix_sock_dir = "${folder}"`,
    'auth_unix_rw = "none"',
    'auth_unix_ro = "none"',
    `log_outputs = "3:file:${folder}/log"`,
  ];
  await mkdir(join(folder, 'home'));
  await writeFile(join(folder, 'conf'), `${configuration.join('\n')}\n`);
  if (root) for (const one of ['.', 'home']) await chown(join(folder, one), NOBODY, NOBODY);

  const virsh: Daemon['virsh'] = async (...args) => {
    const { stdout } = await execa('virsh', ['--quiet', '--connect', uri, ...args]);
    return stdout;
  };
  const define: Daemon['define'] = async (xml) => {
    const file = join(folder, 'definition.xml');
    await writeFile(file, xml);
    return await virsh('define', file);
  };
  let kill: Daemon['kill'] = async () => undefined;
  const start = async () => {
    const home = join(folder, 'home');
    const env = { HOME: home, XDG_RUNTIME_DIR: home, XDG_CONFIG_HOME: home, XDG_CACHE_HOME: home };
    const child = execa('libvirtd', ['-f', join(folder, 'conf'), '-p', join(folder, 'pid')], {
      env,
      reject: false,
      stdio: 'ignore',
      ...(root ? { uid: NOBODY, gid: NOBODY } : {}),
    });
    kill = async () => {
      child.kill('SIGKILL');
      await child;
    };
    await vi.waitFor(() => virsh('uri'), PATIENCE);
    // The driver forgets its machines with its last client, so one stays until the daemon ends.
    const stays = execa('virsh', ['--connect', uri, 'event', '--loop', '--all'], {
      reject: false,
      stdio: ['ignore', 'ignore', 'ignore'],
    });
    kill = async () => {
      child.kill('SIGKILL');
      await Promise.all([child, stays]);
    };
    await vi.waitFor(async () => {
      await virsh('autostart', 'test');
      expect(await virsh('dominfo', 'test')).toMatch(/^Autostart: +enable$/m);
    }, PATIENCE);
    await virsh('autostart', 'test', '--disable');
  };
  finished(() => kill());
  return { uri, start, kill: () => kill(), virsh, define };
}

/**
 * Makes virsh run other commands first, until the test ends.
 * @param first lines of shell; `$virsh` is the real program
 */
export async function behindVirsh(first: string): Promise<void> {
  const folder = await temporaryFolder();
  const { stdout: real } = await execa('sh', ['-c', 'command -v virsh']);
  const script = `#!/bin/sh\nvirsh=${real}\n${first}\nexec $virsh "$@"\n`;
  await writeFile(join(folder, 'virsh'), script, { mode: 0o755 });
  vi.stubEnv('PATH', `${folder}:${process.env.PATH}`);
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
}
