import { chmod, cp, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { execa } from 'execa';

const OVERLAYS = resolve(import.meta.dirname, '../../../overlay');

/** Programs of the image. busybox has smaller versions of some, but these come first on the image's PATH. */
const PROGRAMS = ['ip', 'arping', 'flock'];

/** Folders that the machine mounts or writes. */
const FOLDERS = ['dev', 'proc', 'sys', 'run', 'quantix', 'tmp', 'kernel', 'var/lib/misc'];

/**
 * The shell of a machine. `ash` is that of Debian's image: busybox, which runs its own `ip` and `arping` whatever is on
 * PATH. With `dash`, every program is looked up on PATH, as on Alpine: `ip` and `arping` are those of iproute2 and
 * iputils.
 */
export type Shell = 'ash' | 'dash';

/**
 * Makes the parts of the image's root file system that the network needs: busybox, `ip`, `arping` and the overlay.
 * @param more further programs of the host
 * @param product the appliance; if absent, only the overlay that both appliances share is included
 * @returns its folder, and a function that removes it
 */
export async function makeTemplate(
  shell: Shell,
  more: readonly string[] = [],
  product?: 'quantix-os' | 'qvdc',
): Promise<{ root: string } & AsyncDisposable> {
  const root = await mkdtemp(join(tmpdir(), 'quantix-net-'));
  await chmod(root, 0o755);
  for (const folder of ['usr/bin', 'usr/sbin', 'usr/lib', 'etc', ...FOLDERS]) {
    await mkdir(join(root, folder), { recursive: true });
  }
  for (const folder of ['bin', 'sbin', 'lib']) await symlink(`usr/${folder}`, join(root, folder));
  await cp('/bin/busybox', join(root, 'usr/bin/busybox'), { dereference: true });
  for (const name of [...PROGRAMS, ...more]) await copyProgram(root, name);
  await linkApplets(root);
  if (shell === 'dash') {
    await copyProgram(root, 'dash');
    await rm(join(root, 'usr/bin/sh'));
    await symlink('../sbin/dash', join(root, 'usr/bin/sh'));
  }
  const overlays = ['common', ...(product === undefined ? [] : [product])];
  for (const name of overlays) {
    await cp(join(OVERLAYS, name), root, { recursive: true, force: true });
  }
  await cp(join(OVERLAYS, 'debian/lib/rc/sh'), join(root, 'usr/lib/rc/sh'), { recursive: true });
  return {
    root,
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  };
}

async function linkApplets(root: string): Promise<void> {
  const { stdout } = await execa('/bin/busybox', ['--list']);
  for (const applet of stdout
    .split('\n')
    .filter((name) => !['busybox', ...PROGRAMS].includes(name))) {
    await symlink('busybox', join(root, 'usr/bin', applet));
  }
}

/** A program of the host with the libraries that it needs. */
async function copyProgram(root: string, name: string): Promise<void> {
  const { stdout: path } = await execa('sh', ['-c', 'command -v "$0"', name]);
  await cp(path, join(root, 'usr/sbin', name), { dereference: true });
  const { stdout: libraries } = await execa('ldd', [path]);
  for (const [library] of libraries.matchAll(/\/\S+/g)) {
    const target = join(root, library.replace(/^\/lib64/, '/lib64'));
    await mkdir(dirname(target), { recursive: true });
    await cp(library, target, { dereference: true, force: true });
  }
}
