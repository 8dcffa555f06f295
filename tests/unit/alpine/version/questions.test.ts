import { expect, test } from 'vitest';
import { answerQuestion } from '../../../../build/base/alpine/version/questions.ts';
import { BuildError } from '../../../../build/error.ts';

test('versions are compared, matched and checked', () => {
  expect(answerQuestion('cmp 1.0 1.1')).toBe('<');
  expect(answerQuestion('cmp 1.0 1.0')).toBe('=');
  expect(answerQuestion('cmp 1.2 1.1')).toBe('>');
  expect(answerQuestion('match 1.2.3 ~ 1.2')).toBe('true');
  expect(answerQuestion('match 1.2 !~ 1.2.3')).toBe('true');
  expect(answerQuestion('match 1.2 > 1.2')).toBe('false');
  expect(answerQuestion('valid 1.0-r1')).toBe('true');
  expect(answerQuestion('valid ')).toBe('false');
});

test.each(['cmp 1', 'match 1 2', 'match 1 ? 2', 'valid 1 2', 'bla', ''])(
  '%j is refused',
  (question) => expect(() => answerQuestion(question)).toThrow(BuildError),
);
