import { cp, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../folder.ts';

const PROJECT = resolve(import.meta.dirname, '../../..');

/** Settings of npm that a user may have, in variables and in the home folder's `.npmrc`. */
const VARIABLES = {
  NODE_ENV: 'production',
  npm_config_bin_links: 'false',
  npm_config_dry_run: 'true',
  npm_config_global: 'true',
  npm_config_omit: 'dev',
};
const NPMRC = 'omit[]=optional\npackage-lock=false\nengine-strict=true\nlegacy-peer-deps=true\n';

/** Creates a project with this project's Makefile, whose packages need no network. */
async function smallProject(): Promise<string> {
  const folder = await temporaryFolder();
  await cp(join(PROJECT, 'Makefile'), join(folder, 'Makefile'));
  const kinds = { dependencies: 'usual', devDependencies: 'tool', optionalDependencies: 'runtime' };
  const packages: Record<string, object> = {};
  const manifest: Record<string, unknown> = { name: 'small', engines: { node: '>=1000' } };
  for (const [kind, name] of Object.entries(kinds)) {
    await mkdir(join(folder, name));
    const own = { name, version: '1.0.0', bin: { [name]: 'run.js' } };
    await writeFile(join(folder, name, 'package.json'), JSON.stringify(own));
    await writeFile(join(folder, name, 'run.js'), '');
    packages[name] = own;
    packages[`node_modules/${name}`] = { resolved: name, link: true };
    manifest[kind] = { [name]: `file:${name}` };
  }
  await writeFile(join(folder, 'package.json'), JSON.stringify(manifest));
  const lock = { name: 'small', lockfileVersion: 3, packages: { '': manifest, ...packages } };
  await writeFile(join(folder, 'package-lock.json'), JSON.stringify(lock));
  return folder;
}

test("make installs all npm packages, even those that the user's npm settings leave out", async () => {
  const folder = await smallProject();
  const home = await temporaryFolder();
  await writeFile(join(home, '.npmrc'), NPMRC);
  await execa('make', ['node_modules/.ready'], { cwd: folder, env: { ...VARIABLES, HOME: home } });
  const commands = await readdir(join(folder, 'node_modules/.bin'));
  expect(commands.sort()).toEqual(['runtime', 'tool', 'usual']);
});

test('make runs the Node of node_modules in a project folder with any characters', async () => {
  const folder = join(await temporaryFolder(), `it's a "b": *, [c]=%7E#?&;$HOME`);
  await mkdir(folder);
  for (const part of ['Makefile', 'apps', 'build', 'node_modules', 'profiles', 'tasks']) {
    await symlink(join(PROJECT, part), join(folder, part));
  }
  const { stdout, stderr } = await execa('make', ['--old-file=node_modules/.ready', 'doctor'], {
    cwd: folder,
    env: { PATH: '/usr/bin:/bin' },
    reject: false,
  });
  expect(stdout, stderr).toContain('build images');
});

test('a missing npm package is an error of one line with a fix', async () => {
  const folder = await temporaryFolder();
  for (const part of ['build', 'tasks', 'apps', 'package.json']) {
    await cp(join(PROJECT, part), join(folder, part), { recursive: true });
  }
  const { exitCode, stderr } = await execa(process.execPath, ['tasks/qx-build.ts', '--help'], {
    cwd: folder,
    reject: false,
  });
  expect(stderr).toMatch(/^qx-build: node_modules lacks \w+, .*make doctor\.?$/);
  expect(exitCode).toBe(1);
});

test.each([
  [
    [
      'qemu',
      'PROFILE=qvdc',
      'CPUS=2',
      'MEMORY=2048',
      'DISK=data=20G config',
      'FORWARD=8443:443 2222:22',
    ],
    [
      '--cpus 2',
      '--memory 2048',
      '--disk data=20G --disk config',
      '--forward 8443:443 --forward 2222:22',
    ],
  ],
  [
    ['qemu', 'PROFILE=qvdc', 'NETWORK=lab', 'GUEST=one', 'FIRMWARE=bios'],
    ['--network lab', '--name one', '--firmware bios'],
  ],
  [
    ['iso', 'JOBS=2', 'FORMAT=qcow2', 'FLAVOUR=virt', 'ARCH=arm64', 'RELEASE=1'],
    ['--jobs 2', '--format qcow2', '--flavour virt', '--arch arm64', '--release'],
  ],
])('make %j passes each variable on', async (words, options) => {
  const line = ` ${await commandOf(...words)} `;
  for (const option of options) expect(line).toContain(` ${option} `);
});

test.each([
  [['lock', 'BASE=alpine'], 'lock --base alpine'],
  [['iso', 'BASE=alpine'], 'iso --base alpine'],
  [['lock'], 'lock --base auto'],
  [['iso'], 'iso --base auto'],
])('make %j passes nothing on that was not given', async (words, expected) => {
  expect((await commandOf(...words)).split(' tasks/qx-build.ts ')[1]).toBe(expected);
});

/** Returns the command that make would run, in one line. */
async function commandOf(...words: readonly string[]): Promise<string> {
  const options = ['--dry-run', '--no-print-directory', '--old-file=node_modules/.ready'];
  const { stdout } = await execa('make', [...options, ...words], {
    cwd: PROJECT,
    // Otherwise, the variables of a make that runs this test would be passed on.
    extendEnv: false,
    env: { PATH: process.env.PATH },
  });
  return stdout.replaceAll(/[\\\s]+/g, ' ').trim();
}
