import { resolve } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';

/** Makes Node print each module that it loads. */
const TELL_MODULES = `data:text/javascript,${encodeURIComponent(`
  import { writeSync } from 'node:fs';
  import { registerHooks } from 'node:module';
  registerHooks({ load: (url, context, next) => { writeSync(2, url + '\\n'); return next(url, context); } });
`)}`;

test('what starts programs is loaded when one is started, and with a build that starts none it is not', async () => {
  const args = ['--import', TELL_MODULES, 'tasks/qx-build.ts', 'iso', '--help'];
  const { stderr } = await execa(process.execPath, args, {
    cwd: resolve(import.meta.dirname, '../../..'),
  });
  const packages = new Set(
    Array.from(stderr.matchAll(/\/node_modules\/([^/]+)\//g), (one) => one[1]),
  );
  expect(packages).toContain('zod');
  expect(packages).not.toContain('execa');
});
