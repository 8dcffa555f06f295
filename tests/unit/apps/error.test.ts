import { expect, test } from 'vitest';
import { messageOf } from '../../../apps/error.ts';

test.each<[string, unknown, string]>([
  ['an error', new Error('it burns'), 'it burns'],
  // Node's error if a name has two addresses and neither can be reached.
  [
    'several at once',
    new AggregateError([new Error('refused by ::1'), new Error('refused by 127.0.0.1')]),
    'refused by ::1; refused by 127.0.0.1',
  ],
  ['one without words', new RangeError(), 'RangeError'],
  ['something else', 'words', 'words'],
])('the message of %s is not empty', (_name, thrown, told) => {
  expect(messageOf(thrown)).toBe(told);
});
