import { describe, expect, test } from 'vitest';
import { AutoResetEvent } from '../../../../apps/watch/auto-reset-event.ts';
import { processInBatches } from '../../../../apps/watch/in-batches.ts';
import { runOneAtATime } from '../../../../apps/watch/one-at-a-time.ts';

test('a hundred callers that ask during a read share the next read', async () => {
  const looks: PromiseWithResolvers<number>[] = [];
  const ask = runOneAtATime(() => {
    const look = Promise.withResolvers<number>();
    looks.push(look);
    return look.promise;
  });
  const first = ask();
  await expect.poll(() => looks.length).toBe(1);
  const others = Array.from({ length: 100 }, ask);
  looks[0]?.resolve(1);
  expect(await first).toBe(1);
  await expect.poll(() => looks.length).toBe(2);
  looks[1]?.resolve(2);
  expect(new Set(await Promise.all(others))).toEqual(new Set([2]));
  expect(looks).toHaveLength(2);
});

test('a read that fails does not stop the next', async () => {
  let looks = 0;
  const ask = runOneAtATime(async () => {
    looks++;
    if (looks === 1) throw new Error('dark');
    return looks;
  });
  await expect(ask()).rejects.toThrow('dark');
  expect(await ask()).toBe(2);
});

test('an event ends the present wait, or the next one', async () => {
  const { signal } = new AbortController();
  const event = new AutoResetEvent();
  const forever = 2 ** 31 - 1;
  const waiting = event.wait(forever, signal);
  event.set();
  await waiting;
  event.set();
  await event.wait(forever, signal);
  await event.wait(1, signal);
});

test('a wait for an event ends when the signal is aborted', async () => {
  const stop = new AbortController();
  const waiting = new AutoResetEvent().wait(2 ** 31 - 1, stop.signal);
  stop.abort();
  await waiting;
});

describe('batches', () => {
  /** Items that are processed when the test says so. */
  function startBatches() {
    const batches: { items: readonly string[]; done: PromiseWithResolvers<void> }[] = [];
    const take = processInBatches(
      async (items: readonly string[]) => {
        const done = Promise.withResolvers<void>();
        batches.push({ items, done });
        await done.promise;
        return new Map(items.map((item) => [item.slice(0, 1), `${item}!`]));
      },
      { keyOf: (item) => item.slice(0, 1), most: 3 },
    );
    return { batches, take };
  }

  test('items that arrive during a batch form the next one, with one item for each key, in order', async () => {
    const { batches, take } = startBatches();
    const all = ['a1', 'b1', 'b2', 'c1', 'd1', 'e1', 'b3'].map((item) => take(item));
    for (const done of [0, 1, 2, 3]) {
      await expect.poll(() => batches.length).toBeGreaterThan(done);
      batches[done]?.done.resolve();
    }
    expect(await Promise.all(all)).toEqual(['a1!', 'b1!', 'b2!', 'c1!', 'd1!', 'e1!', 'b3!']);
    expect(batches.map(({ items }) => items)).toEqual([
      ['a1'],
      ['b1', 'c1', 'd1'],
      ['b2', 'e1'],
      ['b3'],
    ]);
  });

  test('a failed batch fails only its own items', async () => {
    const { batches, take } = startBatches();
    const lost = [take('a1')];
    const kept = [take('a2'), take('b1')];
    batches[0]?.done.reject(new Error('dark'));
    await expect(lost[0]).rejects.toThrow('dark');
    await expect.poll(() => batches.length).toBe(2);
    batches[1]?.done.resolve();
    expect(await Promise.all(kept)).toEqual(['a2!', 'b1!']);
  });
});
