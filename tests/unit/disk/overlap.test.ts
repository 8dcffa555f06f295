import fc from 'fast-check';
import { expect, test } from 'vitest';
import { inSectors, readAhead, WritesBehind } from '../../../build/disk/overlap.ts';

const RANGE = { offset: 512, bytes: 2048 + 100, pieceBytes: 512 };

test('a range is read in order, and what comes next is being read while a piece is worked on', async () => {
  const asked: number[] = [];
  const read = async (offset: number, length: number) => {
    asked.push(offset);
    return Buffer.alloc(length, offset / 512);
  };
  const given: Buffer[] = [];
  for await (const piece of readAhead(read, RANGE)) {
    given.push(piece);
    expect(asked.length).toBeGreaterThanOrEqual(Math.min(given.length + 1, 5));
  }
  expect(asked).toEqual([512, 1024, 1536, 2048, 2560]);
  expect(given.map(({ length }) => length)).toEqual([512, 512, 512, 512, 100]);
  expect(given.map(([first]) => first)).toEqual([1, 2, 3, 4, 5]);
});

test('what cannot be read is told after all that is before it', async () => {
  const given: number[] = [];
  const read = async (offset: number, length: number) => {
    if (offset >= 1536) throw new Error(`no sector at ${offset}`);
    return Buffer.alloc(length);
  };
  const all = async () => {
    for await (const { length } of readAhead(read, RANGE)) given.push(length);
  };
  await expect(all()).rejects.toThrow('no sector at 1536');
  expect(given).toEqual([512, 512]);
});

test('reading is given up between two pieces', async () => {
  const giving = new AbortController();
  const read = async (_: number, length: number) => Buffer.alloc(length);
  const all = async () => {
    for await (const _ of readAhead(read, { ...RANGE, signal: giving.signal })) {
      giving.abort(new Error('enough'));
    }
  };
  await expect(all()).rejects.toThrow('enough');
});

test('a write that fails is told, and no other is still under way then', async () => {
  const ended: number[] = [];
  const write = async (number: number, fails = false) => {
    await new Promise((resolve) => setImmediate(resolve));
    ended.push(number);
    if (fails) throw new Error('the disk gives errors');
  };
  const all = async () => {
    await using writes = new WritesBehind();
    await writes.add(write(0, true));
    await writes.add(write(1));
    await writes.done();
  };
  await expect(all()).rejects.toThrow('the disk gives errors');
  expect(ended).toEqual([0, 1]);
});

test('pieces of any size become blocks of whole sectors, the last one filled up with zeros', async () => {
  const pieces = fc.array(fc.uint8Array({ maxLength: 3000 }), { maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(pieces, fc.integer({ min: 1, max: 4096 }), async (given, least) => {
      const blocks: Uint8Array[] = [];
      const source = (async function* () {
        yield* given;
      })();
      for await (const block of inSectors(source, { least, sectorSize: 512 })) blocks.push(block);
      const meant = Buffer.concat(given);
      const whole = Buffer.concat(blocks);
      expect(blocks.every(({ length }) => length % 512 === 0)).toBe(true);
      expect(whole.subarray(0, meant.length).equals(meant)).toBe(true);
      expect(whole.subarray(meant.length).every((byte) => byte === 0)).toBe(true);
      expect(whole.length - meant.length).toBeLessThan(512);
    }),
  );
});
