import { expect, test } from 'vitest';
import { limitTime } from '../../../../apps/console/effects.ts';

const never = () => new Promise<never>(() => undefined);

test('work that ends in time passes on its result or error', async () => {
  const { signal } = new AbortController();
  expect(await limitTime(60_000, signal, async () => 7)).toBe(7);
  const failing = () => Promise.reject(new Error('no'));
  await expect(limitTime(60_000, signal, failing)).rejects.toThrow('no');
});

test('work that exceeds its time limit is given up, and reported', async () => {
  await expect(limitTime(20, new AbortController().signal, never)).rejects.toThrow(
    'no answer within 0.02 s',
  );
});

test('cancelled work that ignores its signal is not waited for', async () => {
  const ending = new AbortController();
  const working = limitTime(60_000, ending.signal, never);
  ending.abort(new Error('enough'));
  await expect(working).rejects.toThrow('enough');
  await expect(limitTime(60_000, ending.signal, never)).rejects.toThrow('enough');
});

test('the time limit aborts the work’s signal', async () => {
  const ended = Promise.withResolvers<void>();
  const work = (signal: AbortSignal) =>
    new Promise<never>(() => signal.addEventListener('abort', () => ended.resolve()));
  await expect(limitTime(20, new AbortController().signal, work)).rejects.toThrow('no answer');
  await ended.promise;
});
