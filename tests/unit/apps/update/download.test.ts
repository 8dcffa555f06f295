import { expect, test } from 'vitest';
import { download } from '../../../../apps/update/download.ts';
import type { Clock } from '../../../../apps/watch/clock.ts';

/** A clock whose time passes only during sleeps. */
class QuickClock implements Clock {
  passed = 0;
  now = () => this.passed;
  elapsed = () => this.passed;
  sleep = async (milliseconds: number) => {
    this.passed += milliseconds;
  };
}

const HOUR = 3_600_000;

/** Returns the number of bytes received from a server that sends `piece` bytes every `every` milliseconds. */
async function received(clock: QuickClock, piece: number, every: number): Promise<number> {
  const bytes = 8 * 1024 * 1024;
  let done = 0;
  const pieces = download({
    source: 'https://updates.example',
    async *open({ offset }) {
      for (let at = offset; at < bytes; at += piece) {
        await clock.sleep(every);
        if (clock.passed > 100 * 24 * HOUR) throw new Error('the download never gives up');
        yield Buffer.alloc(Math.min(piece, bytes - at));
      }
    },
    ...{ from: 0, bytes, budget: 2 * bytes, clock, signal: new AbortController().signal },
  });
  for await (const { length } of pieces) done += length;
  return done;
}

test('a server that sends single bytes with long pauses is given up', async () => {
  const clock = new QuickClock();
  await expect(received(clock, 1, 20_000)).rejects.toThrow(
    'given up after 37 tries without progress',
  );
  expect(clock.passed).toBeLessThan(12 * HOUR);
});

test('no byte is missing after retries over a line that is very slow', async () => {
  const clock = new QuickClock();
  const bytes = Buffer.from(Array.from({ length: 3 * 1024 * 1024 }, (_, index) => index % 251));
  let calls = 0;
  const pieces: Uint8Array[] = [];
  for await (const piece of download({
    source: 'https://updates.example',
    async *open({ offset }) {
      calls += 1;
      const size = calls === 1 ? 1000 : 1024 * 1024;
      for (let at = offset; at < bytes.length; at += size) {
        await clock.sleep(60_000);
        yield bytes.subarray(at, at + size);
      }
    },
    ...{ from: 0, bytes: bytes.length, budget: 2 * bytes.length, clock },
    signal: new AbortController().signal,
  })) {
    pieces.push(piece);
  }
  expect(calls).toBe(2);
  expect(Buffer.concat(pieces).equals(bytes)).toBe(true);
});

test('a download over a slow line completes', async () => {
  const clock = new QuickClock();
  expect(await received(clock, 64 * 1024, 20_000)).toBe(8 * 1024 * 1024);
});
