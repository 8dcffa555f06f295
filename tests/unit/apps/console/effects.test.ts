import { expect, test } from 'vitest';
import { within } from '../../../../apps/console/effects.ts';

const never = () => new Promise<never>(() => undefined);

test('work that ends in time gives what it gives, or throws what it throws', async () => {
  const { signal } = new AbortController();
  expect(await within(60_000, signal, async () => 7)).toBe(7);
  const failing = () => Promise.reject(new Error('no'));
  await expect(within(60_000, signal, failing)).rejects.toThrow('no');
});

test('work that does not end is given up at its limit, and reported', async () => {
  await expect(within(20, new AbortController().signal, never)).rejects.toThrow(
    'no answer within 0.02 s',
  );
});

test('work that heeds no signal is not waited for when it is cancelled', async () => {
  const ending = new AbortController();
  const working = within(60_000, ending.signal, never);
  ending.abort(new Error('enough'));
  await expect(working).rejects.toThrow('enough');
  await expect(within(60_000, ending.signal, never)).rejects.toThrow('enough');
});

test('the limit ends the work itself, too', async () => {
  const ended = Promise.withResolvers<void>();
  const work = (signal: AbortSignal) =>
    new Promise<never>(() => signal.addEventListener('abort', () => ended.resolve()));
  await expect(within(20, new AbortController().signal, work)).rejects.toThrow('no answer');
  await ended.promise;
});
