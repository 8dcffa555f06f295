import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BlockWriter, readAhead, splitRegion, WritesBehind } from '../../../build/disk/overlap.ts';

const PLACES = splitRegion({ offset: 512, bytes: 2048 + 100 }, 512);

test('places are read in order, and the next is read while one is processed', async () => {
  const asked: number[] = [];
  const read = async (offset: number, into: Buffer) => {
    asked.push(offset);
    return into.fill(offset / 512);
  };
  const given: { length: number; first: number | undefined }[] = [];
  for await (const { content } of readAhead(read, PLACES)) {
    given.push({ length: content.length, first: content[0] });
    expect(asked.length).toBeGreaterThanOrEqual(Math.min(given.length + 1, 5));
    // No read may use this buffer while the work uses it.
    await setImmediate();
    expect(content[0]).toBe(given.length);
  }
  expect(asked).toEqual([512, 1024, 1536, 2048, 2560]);
  expect(given.map(({ length }) => length)).toEqual([512, 512, 512, 512, 100]);
  expect(given.map(({ first }) => first)).toEqual([1, 2, 3, 4, 5]);
});

test('a read error is reported after the data before it', async () => {
  const given: number[] = [];
  const read = async (offset: number, into: Buffer) => {
    if (offset >= 1536) throw new Error(`no sector at ${offset}`);
    return into;
  };
  const all = async () => {
    for await (const { offset } of readAhead(read, PLACES)) given.push(offset);
  };
  await expect(all()).rejects.toThrow('no sector at 1536');
  expect(given).toEqual([512, 1024]);
});

test('reading can be cancelled between two places', async () => {
  const giving = new AbortController();
  const read = async (_: number, into: Buffer) => into;
  const all = async () => {
    for await (const _ of readAhead(read, PLACES, giving.signal)) giving.abort(new Error('enough'));
  };
  await expect(all()).rejects.toThrow('enough');
});

test('a failed write is reported once all other writes have ended', async () => {
  const ended: number[] = [];
  const write = async (number: number, fails = false) => {
    await setImmediate();
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

test('chunks of any size are written once in whole sectors padded with zeros, even if a chunk is changed later', async () => {
  const pieces = fc.array(fc.uint8Array({ maxLength: 3000 }), { maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(pieces, fc.integer({ min: 1, max: 4096 }), async (given, blockBytes) => {
      const disk = Buffer.alloc(128 * 1024, 0xee);
      const meant = Buffer.concat(given);
      const shape = { offset: 1024, blockBytes, sectorSize: 512 };
      let written = 0;
      await using writer = new BlockWriter(async (offset, block) => {
        await setImmediate();
        expect([offset % 512, block.length % 512]).toEqual([0, 0]);
        block.copy(disk, offset);
        written += block.length;
      }, shape);
      for (const piece of given) {
        await writer.put(piece);
        piece.fill(0xff);
      }
      await writer.end();
      expect(written).toBe(Math.ceil(meant.length / 512) * 512);
      expect(writer.begun).toBe(1024 + written);
      expect(disk.subarray(1024, 1024 + meant.length).equals(meant)).toBe(true);
      expect(disk.subarray(1024 + meant.length, 1024 + written).every((byte) => byte === 0)).toBe(
        true,
      );
      expect(disk.subarray(1024 + written).every((byte) => byte === 0xee)).toBe(true);
    }),
  );
});
