import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { ARCHITECTURE_NAMES } from '../../build/architecture.ts';
import type { ProfileInput } from '../../build/profile/schema.ts';
import qvdc from '../../profiles/qvdc.ts';
import * as debian from '../../profiles/shared/debian.ts';
import { PROJECT } from '../vm/build-images.ts';

/** Name of the small profile. */
export const SMALL = 'small';

/** Paths of its locks, in the project. */
export const SMALL_LOCKS = ARCHITECTURE_NAMES.map(
  (name) => `profiles/${SMALL}.debian.${name}.lock.json`,
);

/** Returns paths that the small profile leaves out, each with the reason. */
function because(paths: readonly string[]): Record<string, string> {
  return Object.fromEntries(paths.map((path) => [path, 'nobody boots it']));
}

/** An appliance that no test boots: a kernel, a busybox, and no program of ours. It is built in seconds. */
const small: ProfileInput = {
  ...qvdc,
  name: SMALL,
  title: 'Small',
  bases: {
    debian: {
      ...{ suite: debian.suite, components: debian.components, busybox: debian.busybox },
      packages: ['base-files', 'bash', 'busybox-static', 'ca-certificates', 'openrc'],
      ...{ without: debian.without, links: {}, accept: {}, overlays: [] },
      drop: {
        ...debian.drop,
        ...because(['/usr/lib/grub', '/usr/share/grub', '/usr/bin/grub-*', '/usr/sbin/grub-*']),
        ...because(['/usr/lib/*-linux-gnu/gconv', '/usr/bin/openssl']),
      },
      architectures: debian.architectures,
    },
  },
  runlevels: { sysinit: [], boot: [], default: [], shutdown: [] },
  kernel: {
    drivers: qvdc.kernel.drivers,
    drop: because([
      'arch',
      'block',
      'crypto',
      'drivers',
      'fs',
      'lib',
      'mm',
      'net',
      'sound',
      'virt',
    ]),
  },
  programs: [],
  overlays: ['small'],
  setuid: {},
};

/** Adds the small profile to a copy of the project. */
export async function writeSmallProfile(project: string): Promise<void> {
  const overlay = join(project, 'overlay/small/etc');
  await mkdir(overlay, { recursive: true });
  await writeFile(join(overlay, 'motd'), 'small\n');
  await writeFile(
    join(project, `profiles/${SMALL}.ts`),
    `export default ${JSON.stringify(small)};\n`,
  );
}

/** Makes a copy of the project a repository. @returns its one commit */
export async function commitProject(project: string): Promise<string> {
  await copyFile(join(PROJECT, '.gitignore'), join(project, '.gitignore'));
  const git = (...words: string[]) =>
    execa('git', ['-c', 'user.name=a', '-c', 'user.email=a@example.org', ...words], {
      cwd: project,
      env: { GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null' },
    });
  await git('init', '-q');
  await git('add', '.');
  await git('commit', '-qm', 'a release');
  return (await git('rev-parse', 'HEAD')).stdout;
}
