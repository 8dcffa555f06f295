import { expect, test } from 'vitest';
import { BuildError } from '../../build/error.ts';

test('an explanation becomes one line: what, where, what to do', () => {
  const error = new BuildError({
    what: 'key "nmae" is unknown',
    where: 'a.ts',
    fix: 'Write "name".',
  });
  expect(error.message).toBe('key "nmae" is unknown (a.ts). Write "name".');
});
