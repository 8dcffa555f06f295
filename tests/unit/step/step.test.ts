import { expect, test } from 'vitest';
import { digestOf, sha256 } from '../../../build/step/digest.ts';
import { namedInputs } from '../../../build/step/inputs.ts';
import { inputChanges, planStep } from '../../../build/step/step.ts';

test('a digest is the same for the same value', () => {
  const one = digestOf({ a: 1, b: { c: [1, { x: 1 }], d: Buffer.from('d') } });
  expect(digestOf({ a: 1, b: { c: [1, { x: 1 }], d: Buffer.from('d') } })).toBe(one);
});

test.each([[() => 1], [new Map()], [{ a: [() => 1] }]])(
  'what cannot be seen from outside has no digest',
  (value) => {
    expect(() => digestOf(value)).toThrow(TypeError);
  },
);

test.each([
  [{ a: 1 }, { a: '1' }],
  [{ a: 1 }, { b: 1 }],
  [
    [1, 2],
    [2, 1],
  ],
  [{ a: null }, {}],
  [{ a: { b: 1 } }, { 'a.b': 1 }],
  [[], {}],
  [
    { a: 1, b: 2 },
    { b: 2, a: 1 },
  ],
  [Buffer.from('a'), Buffer.from('b')],
  [Buffer.from('a'), 'a'],
])('%j and %j have different digests', (one, other) => {
  expect(digestOf(one)).not.toBe(digestOf(other));
});

test('a SHA-256 is that of the bytes', () => {
  const empty = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
  expect(sha256('')).toBe(empty);
  expect(sha256(Buffer.from('ü'))).toBe(sha256('ü'));
});

test('the key of a step stands for its name and its inputs', () => {
  const { key } = planStep('squashfs', { epoch: 1, version: '2' });
  expect(planStep('squashfs', { epoch: 1, version: '2' }).key).toBe(key);
  expect(planStep('initramfs', { epoch: 1, version: '2' }).key).not.toBe(key);
  expect(planStep('squashfs', { epoch: 2, version: '2' }).key).not.toBe(key);
  expect(planStep('squashfs', { epoch: 1, versions: '2' }).key).not.toBe(key);
});

test('each value is an input, an object one for each of its keys', () => {
  const text = 'x'.repeat(100);
  const earlier = planStep('sea', {});
  expect(
    namedInputs({
      epoch: 1,
      package: { bash: { version: '5.2', sha256: 'a' }, vim: 'x' },
      absent: undefined,
      list: ['a'],
      text,
      programs: earlier,
    }),
  ).toEqual({
    epoch: 1,
    'package bash': `5.2 ${digestOf({ version: '5.2', sha256: 'a' })}`,
    'package vim': 'x',
    list: digestOf(['a']),
    text: digestOf(text),
    'step sea': earlier.key,
  });
});

test('what changed is told by name, sorted, with before and after', () => {
  const before = { same: 1, gone: 'x', moved: 'a' };
  const after = { same: 1, moved: 'b', fresh: 0 };
  expect(inputChanges(before, after)).toEqual([
    { input: 'fresh', change: 'added', after: 0 },
    { input: 'gone', change: 'removed', before: 'x' },
    { input: 'moved', change: 'changed', before: 'a', after: 'b' },
  ]);
  expect(inputChanges(before, before)).toEqual([]);
});
