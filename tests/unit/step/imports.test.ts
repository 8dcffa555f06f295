import { expect, test } from 'vitest';
import { listImportedPackages } from '../../../build/step/source.ts';

test('imported packages are found by name, without Node’s own modules and type-only imports', () => {
  const text = `import { readFile } from 'node:fs/promises';
import fs from 'fs';
import { create } from "@bufbuild/protobuf/codegenv2";
import { type T, z } from 'zod/v4';
import type { U } from 'execa';
export type { V } from 'tar';
import './b.ts';
const yaml = await import('yaml');
`;
  expect([...listImportedPackages({ 'a.ts': text })].sort()).toEqual([
    '@bufbuild/protobuf',
    'yaml',
    'zod',
  ]);
});
