import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { readSources } from '../../../build/step/source.ts';
import { temporaryFolder } from '../folder.ts';

/** A project of these files, path → text. */
async function project(files: Record<string, string>): Promise<string> {
  const folder = await temporaryFolder();
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  return folder;
}

test('a file and its direct and indirect imports are found, each once', async () => {
  const folder = await project({
    'build/a.ts': "import { b } from './b.ts';\nimport { type T } from '../types/t.ts';\n",
    'build/b.ts': "export * from './a.ts';\nconst c = await import('./deep/c.ts');\n",
    'build/deep/c.ts': "import './d.ts';\nimport 'node:fs';\nimport { z } from 'zod';\n",
    'build/deep/d.ts': '',
    'build/other.ts': '',
    'types/t.ts': "import type { U } from './erased.ts';\nexport type { V } from './erased.ts';\n",
    'types/erased.ts': '',
  });
  expect(Object.keys(readSources(folder, ['build/a.ts']))).toEqual([
    'build/a.ts',
    'build/b.ts',
    'build/deep/c.ts',
    'build/deep/d.ts',
    'types/t.ts',
  ]);
});

test('a list of names over several lines is an import like any other', async () => {
  const folder = await project({
    'a.ts': "import {\n  b,\n  c,\n} from './b.ts';\n",
    'b.ts': '',
  });
  expect(Object.keys(readSources(folder, ['a.ts']))).toEqual(['a.ts', 'b.ts']);
});

test('the digest depends on the texts, and not on the folder of the project', async () => {
  const files = { 'a.ts': "import './b.ts';\n", 'b.ts': 'export {};\n' };
  const [one, other] = [await project(files), await project(files)];
  expect(readSources(one, ['a.ts'])).toEqual(readSources(other, ['a.ts']));
  expect(readSources(one, ['a.ts'])['b.ts']).toBe('export {};\n');
});

test('text that looks like an import of a missing file is skipped', async () => {
  const folder = await project({ 'a.ts': "// text from './nowhere.ts'\n" });
  expect(Object.keys(readSources(folder, ['a.ts']))).toEqual(['a.ts']);
});
