import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { ExplainedError } from '../../../build/explained-error.ts';
import { LONGEST_ENTRY, openEntry, sealEntry } from '../../../build/remote-cache/entry.ts';
import {
  type ActionResult,
  ActionResultSchema,
} from '../../../build/remote-cache/proto/gen/remote_execution_pb.js';
import { planStep } from '../../../build/step/step.ts';
import { newPair } from '../release/releases.ts';

const { secret, trusted } = newPair('ci');
const step = planStep('squashfs', { epoch: 1 });
const outputs = [
  { name: 'system.squashfs', size: 5_000_000_000, sha256: 'ab'.repeat(32), executable: false },
  { name: 'qx', size: 0, sha256: 'cd'.repeat(32), executable: true },
];
const entry = sealEntry(step, { seconds: 4.5, outputs }, secret);
const open = (bytes: Uint8Array, of = step, keys = [trusted]) =>
  openEntry(bytes, { step: of, trusted: keys, where: 'http://cache/ac/x' });

/** The entry after somebody has changed its message and left the signature alone. */
function changed(change: (action: ActionResult) => void): Uint8Array {
  const action = fromBinary(ActionResultSchema, entry);
  change(action);
  return toBinary(ActionResultSchema, action);
}

test('a signed result is read back with its signer', () => {
  expect(open(entry)).toEqual({ seconds: 4.5, outputs, signedBy: trusted });
  expect(sealEntry(step, { seconds: 4.5, outputs }, secret)).toEqual(entry);
});

test('the message for the cache has each file with its digest, and a worker name', () => {
  const { outputFiles, exitCode, executionMetadata } = fromBinary(ActionResultSchema, entry);
  expect([exitCode, executionMetadata?.worker]).toEqual([0, 'qx-build']);
  expect(outputFiles).toMatchObject([
    { path: 'system.squashfs', digest: { hash: 'ab'.repeat(32), sizeBytes: 5_000_000_000n } },
    { path: 'qx', digest: { sizeBytes: 0n }, isExecutable: true },
  ]);
});

test('a message that the cache serialized again, in another order, is accepted', () => {
  expect(open(changed(({ outputFiles }) => outputFiles.reverse())).outputs).toEqual(outputs);
});

test.each<[string, Uint8Array, RegExp]>([
  ['an empty message', Buffer.alloc(0), /is not signed/],
  ['a page of HTML', Buffer.from('<!doctype html><p>Log in'), /is not an ActionResult/],
  ['half of an entry', entry.subarray(0, entry.length / 2), /is not an ActionResult/],
  ['zeros', Buffer.alloc(100), /is not an ActionResult/],
  ['a message longer than any entry', Buffer.alloc(LONGEST_ENTRY + 1), /is longer than/],
  [
    'another build system’s result',
    toBinary(ActionResultSchema, create(ActionResultSchema, { exitCode: 1 })),
    /is not signed/,
  ],
  [
    'a file other than the signed one',
    changed(({ outputFiles: [first] }) => {
      if (first?.digest !== undefined) first.digest.hash = 'ef'.repeat(32);
    }),
    /are not those that were signed/,
  ],
  [
    'one file fewer than was signed',
    changed(({ outputFiles }) => outputFiles.pop()),
    /are not those that were signed/,
  ],
  [
    'a signature by somebody else',
    sealEntry(step, { seconds: 1, outputs }, newPair().secret),
    /not signed with a key that is trusted here: ci/,
  ],
  [
    'the result of another step',
    sealEntry(planStep('squashfs', { epoch: 2 }), { seconds: 1, outputs }, secret),
    /is the result of squashfs [0-9a-f]{16}, another step/,
  ],
])('%s is refused, with the address', (_, bytes, message) => {
  const refused = () => open(bytes);
  expect(refused).toThrow(ExplainedError);
  expect(refused).toThrow(message);
  expect(refused).toThrow('http://cache/ac/x');
});

test.each(['../x', 'a/b', '.hidden', '', 'step.json', 'checked', 'a\nb', 'x'.repeat(129)])(
  'a result with a file called %j cannot be signed',
  (name) => {
    const output = { name, size: 1, sha256: 'ab'.repeat(32), executable: false };
    expect(() => sealEntry(step, { seconds: 1, outputs: [output] }, secret)).toThrow('name');
  },
);

test('a result with a duplicate file name cannot be signed', () => {
  const twice = [...outputs, ...outputs];
  expect(() => sealEntry(step, { seconds: 1, outputs: twice }, secret)).toThrow('each name once');
});
