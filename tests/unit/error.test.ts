import { expect, test } from 'vitest';
import { BuildError, must } from '../../build/error.ts';

test('an explanation becomes one line: what, where, what to do', () => {
  const error = new BuildError({
    what: 'key "nmae" is unknown',
    where: 'a.ts',
    fix: 'Write "name".',
  });
  expect(error.message).toBe('key "nmae" is unknown (a.ts). Write "name".');
});

test('must() returns a value, and throws if it is undefined', () => {
  expect(must('', 'text')).toBe('');
  expect(() => must(new Map<string, number>().get('x'), 'number of x')).toThrow(
    new Error('there is no number of x'),
  );
});
