import { expect, test } from 'vitest';
import { digestOf, sha256 } from '../../../build/step/digest.ts';
import { inputChanges, planStep, prefixed } from '../../../build/step/step.ts';

test('a digest does not depend on the order of keys, at any depth', () => {
  const one = digestOf({ a: 1, b: { c: [1, { x: 1, y: 2 }], d: 2 } });
  expect(digestOf({ b: { d: 2, c: [1, { y: 2, x: 1 }] }, a: 1 })).toBe(one);
});

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
  expect(planStep('squashfs', { version: '2', epoch: 1 }).key).toBe(key);
  expect(planStep('initramfs', { epoch: 1, version: '2' }).key).not.toBe(key);
  expect(planStep('squashfs', { epoch: 2, version: '2' }).key).not.toBe(key);
  expect(planStep('squashfs', { epoch: 1, versions: '2' }).key).not.toBe(key);
});

test('inputs of several kinds are told apart by their prefix', () => {
  expect({ ...prefixed('package', { bash: '1' }), ...prefixed('tool', { bash: '2' }) }).toEqual({
    'package bash': '1',
    'tool bash': '2',
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
