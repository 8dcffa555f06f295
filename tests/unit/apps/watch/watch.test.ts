import { expect, test } from 'vitest';
import { AutoResetEvent } from '../../../../apps/watch/auto-reset-event.ts';
import { oneAtATime } from '../../../../apps/watch/one-at-a-time.ts';

test('a hundred callers during a read share the next one', async () => {
  const looks: PromiseWithResolvers<number>[] = [];
  const ask = oneAtATime(() => {
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

test('a look that fails does not stop the next', async () => {
  let looks = 0;
  const ask = oneAtATime(async () => {
    looks++;
    if (looks === 1) throw new Error('dark');
    return looks;
  });
  await expect(ask()).rejects.toThrow('dark');
  expect(await ask()).toBe(2);
});

test('an event ends the wait that is under way, or the next one', async () => {
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

test('a wait for an event ends as the signal says so', async () => {
  const stop = new AbortController();
  const waiting = new AutoResetEvent().wait(2 ** 31 - 1, stop.signal);
  stop.abort();
  await waiting;
});
