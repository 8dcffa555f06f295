import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';

/**
 * Characters with a meaning in a shell, make, xorriso, mtools, QEMU, esbuild, Docker, a URL or apt. Only `\\` is left
 * out, because Node does not support it.
 */
export const HOSTILE_FOLDER = `it's a "folder": *, [x]=%7E#?&;$HOME@@1`;

/** A time that no image can have: far from the lock's, and larger than 32 bits. */
const CLOCK = {
  FAKETIME: '@2100-01-01 00:00:00',
  // Time stamps of files and the clock for time-outs stay real.
  NO_FAKE_STAT: '1',
  FAKETIME_DONT_FAKE_MONOTONIC: '1',
};

/** Tools that write part of an image. The toolchain does not pass LD_PRELOAD to them, so a wrapper of each sets it. */
const TOOLS = [
  'fakeroot',
  'grub-mkimage',
  'mcopy',
  'mformat',
  'mksquashfs',
  'mmd',
  'strip',
  'xorriso',
];

/** All known variables of the tools of a build, set to values that would change or break their output. */
const VARIABLES = {
  APT_CONFIG: '/nonexistent',
  BASH_ENV: '/nonexistent',
  DEFAULT_CODEPAGE: '437',
  DPKG_DEB_COMPRESSOR_TYPE: 'none',
  DPKG_ROOT: '/nonexistent',
  ENV: '/nonexistent',
  FAKEROOTDONTTRYCHOWN: '1',
  GNUTARGET: 'srec',
  GREP_OPTIONS: '--invert-match',
  LANG: 'tr_TR.UTF-8',
  LANGUAGE: 'tr',
  LC_ALL: 'tr_TR.UTF-8',
  MTOOLS_FAT_COMPATIBILITY: '1',
  MTOOLS_LOWER_CASE: '1',
  MTOOLS_NAME_NUMERIC_TAIL: '0',
  MTOOLS_NFATS: '1',
  MTOOLS_NO_VFAT: '1',
  MTOOLS_SKIP_CHECK: '1',
  NODE_DEBUG: '',
  NODE_ENV: 'production',
  NODE_PATH: '/nonexistent',
  POSIXLY_CORRECT: '1',
  SOURCE_DATE_EPOCH: 'soon',
  TAR_OPTIONS: '--owner=nobody',
  TERM: 'dumb',
  TZ: 'Asia/Kathmandu',
  XZ_DEFAULTS: '--memlimit=1',
  XZ_OPT: '-0',
  ZSTD_CLEVEL: '19',
  ZSTD_NBTHREADS: '1',
};

/**
 * Prepares the settings of a machine that would disturb a build: variables, configuration files, the clock and the
 * umask.
 * @param folder folder for the files
 * @param bin folder for the tools with another clock; PATH cannot name a folder with a colon
 * @returns the environment to build in
 */
export async function hostileMachine(folder: string, bin: string): Promise<Record<string, string>> {
  const [home, tmp] = [join(folder, 'home'), join(folder, 'tmp')];
  for (const made of [home, tmp]) await mkdir(made, { recursive: true });
  await writeFile(join(home, '.xorrisorc'), '-publisher HOSTILE\n-compliance no_emul_toc\n');
  const mtools = 'mtools_lower_case=1\nmtools_no_vfat=1\nmtools_skip_check=1\n';
  await writeFile(join(home, '.mtoolsrc'), mtools);
  await writeFile(join(home, '.npmrc'), 'ignore-scripts=true\nomit=dev\n');
  const { stdout: LD_PRELOAD } = await execa('faketime', ['-f', '+0', 'printenv', 'LD_PRELOAD']);
  for (const tool of TOOLS) {
    const clock = Object.entries({ ...CLOCK, LD_PRELOAD }).map(
      ([name, value]) => `${name}='${value}'`,
    );
    const script = `#!/bin/sh\nPATH='${process.env.PATH}' ${clock.join(' ')} exec ${tool} "$@"\n`;
    await writeFile(join(bin, tool), script, { mode: 0o755 });
  }
  return {
    ...VARIABLES,
    ...CLOCK,
    LD_PRELOAD,
    HOME: home,
    MTOOLSRC: join(home, '.mtoolsrc'),
    NODE_OPTIONS: '--import="data:text/javascript,process.umask(0o77)" --stack-trace-limit=1',
    PATH: `${bin}:${process.env.PATH}`,
    TMPDIR: tmp,
    XDG_CONFIG_HOME: home,
  };
}
