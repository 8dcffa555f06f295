import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, onTestFinished, test, vi } from 'vitest';
import { bundlePrograms } from '../../../build/sea/bundle.ts';
import { readSources, type Sources } from '../../../build/step/source.ts';
import { temporaryFolder } from '../folder.ts';
import { PROJECT } from '../profile/profiles.ts';

/** Makes a project with this program, and with the npm packages of ours. */
async function projectOf(program: string, deeper = ''): Promise<string> {
  const folder = join(await temporaryFolder(), deeper);
  await mkdir(join(folder, 'apps'), { recursive: true });
  await symlink(join(PROJECT, 'node_modules'), join(folder, 'node_modules'));
  await writeFile(join(folder, 'apps/qx.ts'), program);
  return folder;
}

const ENTRY = 'apps/qx.ts';

const bundled = (
  projectDirectory: string,
  sources: Sources = readSources(projectDirectory, [ENTRY]),
) =>
  bundlePrograms({
    projectDirectory,
    entry: ENTRY,
    sources,
    version: '1.2.3',
    node: process.versions.node,
  });

/** Returns the output of a bundle that Node runs in an empty folder. */
async function saidBy(code: string): Promise<string> {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'qx.cjs'), code);
  const env = { TERM: 'linux' };
  const { all } = await execa(process.execPath, ['qx.cjs'], { cwd: folder, env, all: true });
  return all;
}

test('a program is bundled with its imports and its version', async () => {
  const program = `import { z } from 'zod';
declare const PROGRAMS_VERSION: string;
console.log(z.string().parse(PROGRAMS_VERSION));`;
  const { code, packages } = await bundled(await projectOf(program));
  expect(await saidBy(code)).toBe('1.2.3');
  expect(packages).toEqual(['node_modules/zod']);
});

test('the bundle is the same in any folder, and contains no path', async () => {
  const program = `import { z } from 'zod'; import { x } from './x.ts'; console.log(z.string(), x);`;
  const [one, other] = [await projectOf(program), await projectOf(program, 'deeper/still')];
  for (const folder of [one, other]) {
    await writeFile(join(folder, 'apps/x.ts'), "export const x = 'ä';");
  }
  const { code } = await bundled(one);
  expect(code).toBe((await bundled(other)).code);
  expect(code).not.toContain('node_modules');
  expect(code).not.toContain('quantix-test-');
});

test('another esbuild, named in the environment, is refused', async () => {
  vi.stubEnv('ESBUILD_BINARY_PATH', '/opt/esbuild');
  onTestFinished(() => void vi.unstubAllEnvs());
  await expect(bundled(await projectOf('console.log(1);'))).rejects.toThrow(
    /^the environment names another esbuild .*ESBUILD_BINARY_PATH=\/opt\/esbuild/,
  );
});

test('no line of the bundle is long enough to flood the console in a crash', async () => {
  const program = "import { z } from 'zod'; import 'execa'; console.log(z.string());";
  const { code } = await bundled(await projectOf(program));
  expect(Math.max(...code.split('\n').map(({ length }) => length))).toBeLessThan(2000);
});

test.each([
  ['a package that is not there', "import 'nowhere';", /"nowhere".*\(apps\/qx\.ts:1\)/],
  ['a mistake', '\nlet = ;', /\(apps\/qx\.ts:2\)/],
  ['an await at the top level', '\n\nawait 1; export {};', /await.*\(apps\/qx\.ts:3\)/],
])('%s is reported with file and line', async (_, program, message) => {
  await expect(bundled(await projectOf(program))).rejects.toThrow(message);
});

test('the bundle has the sources as they were read, even if the files change', async () => {
  const folder = await projectOf("import { x } from './x.ts'; console.log(x);");
  await writeFile(join(folder, 'apps/x.ts'), "export const x = 'as it was';");
  const sources = readSources(folder, [ENTRY]);
  await writeFile(join(folder, 'apps/x.ts'), "export const x = 'edited';");
  const { code } = await bundled(folder, sources);
  expect(await saidBy(code)).toBe('as it was');
});

test('a file that was not read with the sources is refused with its name', async () => {
  const folder = await projectOf('import(`./x.ts`);');
  await writeFile(join(folder, 'apps/x.ts'), '');
  await expect(bundled(folder)).rejects.toThrow(
    /was not imported, when the build was planned \(apps\/x\.ts\)/,
  );
});

test('esbuild runs on the requested number of threads', async () => {
  const project = await projectOf('console.log(1);');
  const script = `
    import { readdirSync, readFileSync } from 'node:fs';
    const { bundlePrograms } = await import(${JSON.stringify(join(PROJECT, 'build/sea/bundle.ts'))});
    const { readSources } = await import(${JSON.stringify(join(PROJECT, 'build/step/source.ts'))});
    const projectDirectory = ${JSON.stringify(project)};
    const sources = readSources(projectDirectory, ['${ENTRY}']);
    const about = { projectDirectory, entry: '${ENTRY}', sources, version: '1', node: process.versions.node };
    await bundlePrograms({ ...about, threads: 3 });
    const tasks = '/proc/self/task';
    const children = readdirSync(tasks).flatMap((task) =>
      readFileSync(tasks + '/' + task + '/children', 'utf8').split(' ').filter((id) => id !== ''));
    for (const id of children) console.log(readFileSync('/proc/' + id + '/environ', 'utf8'));
    process.exit();`;
  const args = ['--input-type=module', '-e', script];
  const { stdout } = await execa(process.execPath, args, { cwd: PROJECT });
  expect(stdout.split('\0')).toContain('GOMAXPROCS=3');
});
