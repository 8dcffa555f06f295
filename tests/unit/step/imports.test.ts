import { expect, test } from 'vitest';
import { importedPackages } from '../../../build/step/source.ts';

test('packages are found by their names; Node’s own modules are none, and what is imported for its types alone is not run', () => {
  const text = `import { readFile } from 'node:fs/promises';
import fs from 'fs';
import { create } from "@bufbuild/protobuf/codegenv2";
import { type T, z } from 'zod/v4';
import type { U } from 'execa';
export type { V } from 'tar';
import './b.ts';
const yaml = await import('yaml');
`;
  expect([...importedPackages({ 'a.ts': text })].sort()).toEqual([
    '@bufbuild/protobuf',
    'yaml',
    'zod',
  ]);
});
