import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { BASE_NAMES } from '../../build/bases.ts';

const PROJECT = resolve(import.meta.dirname, '../..');

/** Whether a text has an entry for each base: in a record, an object or a type. */
function isOfAllBases(text: string): boolean {
  return BASE_NAMES.every((name) =>
    new RegExp(`^\\s*(?:readonly )?'?${name}'?\\??: `, 'm').test(text),
  );
}

test('a base is entered in four files of the builder, besides its own folder', () => {
  const files = globSync('{build,tasks}/**/*.ts', { cwd: PROJECT });
  const all = files.filter((file) => isOfAllBases(readFileSync(join(PROJECT, file), 'utf8')));
  expect(all.sort()).toEqual([
    'build/base/select.ts',
    'build/bases.ts',
    'build/profile/profile.ts',
    'build/profile/schema.ts',
  ]);
});
