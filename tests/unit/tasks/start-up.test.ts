import { resolve } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';

/** Makes Node print each module that it loads. */
const TELL_MODULES = `data:text/javascript,${encodeURIComponent(`
  import { writeSync } from 'node:fs';
  import { registerHooks } from 'node:module';
  registerHooks({ load: (url, context, next) => { writeSync(2, url + '\\n'); return next(url, context); } });
`)}`;

/** Returns the npm packages from which a command line loads modules. */
async function packagesOf(...words: readonly string[]): Promise<Set<string>> {
  const args = ['--import', TELL_MODULES, 'tasks/qx-build.ts', ...words];
  const { stderr } = await execa(process.execPath, args, {
    cwd: resolve(import.meta.dirname, '../../..'),
  });
  const names = stderr.matchAll(/\/node_modules\/([^/]+)\//g);
  return new Set(Array.from(names, ([, name = '']) => name));
}

test('the library for child processes is loaded only by a build that starts one', async () => {
  const packages = await packagesOf('iso', '--help');
  expect(packages).toContain('zod');
  expect(packages).not.toContain('execa');
});

test('commands of the apk engine do not load the schema of profiles', async () => {
  const packages = await packagesOf('apk', 'solve', '--help');
  expect(packages).toContain('yargs');
  expect(packages).not.toContain('zod');
});
