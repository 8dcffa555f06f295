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

test("make installs all npm packages, whatever the user's settings of npm leave out", async () => {
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
