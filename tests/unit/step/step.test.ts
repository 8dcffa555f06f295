import { join } from 'node:path';
import { expect, test } from 'vitest';
import { HashedFile } from '../../../build/process/hashed-file.ts';
import { Code } from '../../../build/step/code.ts';
import { computeDigest, sha256 } from '../../../build/step/digest.ts';
import { makeNamedInputs } from '../../../build/step/inputs.ts';
import { compareInputs, defineStep, planStep } from '../../../build/step/step.ts';
import { PROJECT } from '../profile/profiles.ts';

test('a digest is the same for the same value', () => {
  const one = computeDigest({ a: 1, b: { c: [1, { x: 1 }], d: Buffer.from('d') } });
  expect(computeDigest({ a: 1, b: { c: [1, { x: 1 }], d: Buffer.from('d') } })).toBe(one);
});

test('a file on the host is identified by its bytes, not by its path', () => {
  const file = { path: '/a/b', size: 1, sha256: sha256(Buffer.from('d')), stamp: '1' };
  const one = computeDigest({ d: new HashedFile(file) });
  expect(one).toBe(computeDigest({ d: Buffer.from('d') }));
  expect(computeDigest({ d: new HashedFile({ ...file, path: '/c', stamp: '2' }) })).toBe(one);
  expect(computeDigest({ d: new HashedFile({ ...file, sha256: sha256('e') }) })).not.toBe(one);
});

test.each([[undefined], [() => 1], [new Map()], [{ a: [() => 1] }]])(
  'a value whose content cannot be read has no digest',
  (value) => {
    expect(() => computeDigest(value)).toThrow(TypeError);
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
  expect(computeDigest(one)).not.toBe(computeDigest(other));
});

test('a SHA-256 is that of the bytes', () => {
  const empty = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
  expect(sha256('')).toBe(empty);
  expect(sha256(Buffer.from('ü'))).toBe(sha256('ü'));
});

test('the key of a step depends on its name and its inputs', () => {
  const { key } = planStep('squashfs', { epoch: 1, version: '2' });
  expect(planStep('squashfs', { epoch: 1, version: '2' }).key).toBe(key);
  expect(planStep('initramfs', { epoch: 1, version: '2' }).key).not.toBe(key);
  expect(planStep('squashfs', { epoch: 2, version: '2' }).key).not.toBe(key);
  expect(planStep('squashfs', { epoch: 1, versions: '2' }).key).not.toBe(key);
});

test('each value is an input, and an object is one input for each key', () => {
  const text = 'x'.repeat(100);
  const earlier = planStep('sea', {});
  expect(
    makeNamedInputs({
      epoch: 1,
      package: { bash: { version: '5.2', sha256: 'a' }, vim: 'x' },
      absent: undefined,
      list: ['a'],
      text,
      programs: earlier,
    }),
  ).toEqual({
    epoch: 1,
    'package bash': `5.2 ${computeDigest({ version: '5.2', sha256: 'a' })}`,
    'package vim': 'x',
    list: computeDigest(['a']),
    text: computeDigest(text),
    'step sea': earlier.key,
  });
});

test('changed inputs are reported by name, sorted, with old and new value', () => {
  const before = { same: 1, gone: 'x', moved: 'a' };
  const after = { same: 1, moved: 'b', fresh: 0 };
  expect(compareInputs(before, after)).toEqual([
    { input: 'fresh', change: 'added', after: 0 },
    { input: 'gone', change: 'removed', before: 'x' },
    { input: 'moved', change: 'changed', before: 'a', after: 'b' },
  ]);
  expect(compareInputs(before, before)).toEqual([]);
});

const NPM = new Map([['node_modules/zod', { version: '1', integrity: 'x' }]]);

/** A step that depends on the facts with these names. */
function stepOf(names: readonly string[]) {
  return defineStep({
    name: 'one',
    module: import.meta.filename,
    read: (facts: Record<string, unknown> & { installed: typeof NPM }) =>
      Object.fromEntries(names.map((name) => [name, facts[name]])),
    make: async (_output, inputs) => inputs,
  });
}

test('a step gets only the values that its key includes', async () => {
  const plan = stepOf(['wanted']);
  const step = plan({ installed: NPM, wanted: { a: 1 }, other: 1 });
  expect(await step.make('', undefined)).toEqual({ wanted: { a: 1 } });
  expect(plan({ installed: NPM, wanted: { a: 1 }, other: 2 }).key).toBe(step.key);
  expect(plan({ installed: NPM, wanted: { a: 2 }, other: 1 }).key).not.toBe(step.key);
});

test('a value that would hide content from the key cannot be passed to a step', () => {
  const hidden = { read: () => 'anything' };
  expect(() => stepOf(['wanted'])({ installed: NPM, wanted: hidden })).toThrow(TypeError);
});

test('functions can be passed to a step as code, identified by the source of their module', () => {
  const plan = stepOf(['wanted']);
  const code = (module: string) =>
    plan({ installed: NPM, wanted: new Code(() => 1, join(PROJECT, module)) });
  const { inputs } = code('build/error.ts');
  expect(inputs['source build/error.ts']).toMatch(/^[0-9a-f]{64}$/);
  expect(inputs['source tests/unit/step/step.test.ts']).toMatch(/^[0-9a-f]{64}$/);
  expect(code('build/spelling.ts').key).not.toBe(code('build/error.ts').key);
});
