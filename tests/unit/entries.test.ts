import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { ARCHITECTURE_NAMES } from '../../build/architecture.ts';
import { BASE_NAMES } from '../../build/bases.ts';
import { FORMAT_NAMES } from '../../build/image/format.ts';

const PROJECT = resolve(import.meta.dirname, '../..');

/** Whether a text has a line that begins with each name as a key: of a record, an object or a type. */
function hasAllKeys(text: string, names: readonly string[]): boolean {
  return names.every((name) => new RegExp(`^\\s*(?:readonly )?'?${name}'?\\??: `, 'm').test(text));
}

// If more files had such a list, somebody who adds a base, format or architecture might forget one of them.
test.each([
  ['a base', BASE_NAMES, ['build/base/select.ts', 'build/bases.ts', 'build/profile/schema.ts']],
  ['a format', FORMAT_NAMES, ['build/image/format.ts']],
  ['an architecture', ARCHITECTURE_NAMES, ['build/architecture.ts']],
])('%s appears in these files of the builder only', (_, names, files) => {
  const all = globSync('{build,tasks}/**/*.ts', { cwd: PROJECT });
  const found = all.filter((file) => hasAllKeys(readFileSync(join(PROJECT, file), 'utf8'), names));
  expect(found.sort()).toEqual(files);
});
