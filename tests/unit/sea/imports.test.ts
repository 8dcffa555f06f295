import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { importedPackages } from '../../../build/sea/imports.ts';
import { temporaryFolder } from '../folder.ts';

test('packages are found by their names, whatever is taken from them; Node’s own modules are none', async () => {
  const folder = await temporaryFolder();
  await writeFile(
    join(folder, 'a.ts'),
    `import { readFile } from 'node:fs/promises';
import fs from 'fs';
import { create } from "@bufbuild/protobuf/codegenv2";
import type { T } from 'zod/v4';
import './b.ts';
const yaml = await import('yaml');
`,
  );
  expect([...importedPackages(folder, ['a.ts'])].sort()).toEqual([
    '@bufbuild/protobuf',
    'yaml',
    'zod',
  ]);
});
