import { expect, test } from 'vitest';
import { HangGuard } from '../../../../apps/storage/hang-guard.ts';
import { assess } from '../../../../apps/storage/health.ts';

const space = { total: 1000, used: 500, available: 450 };
const failure = (code: string) => Object.assign(new Error(`${code}: why`), { code });

test('a pool that answers is healthy, full, read-only, or has an error', () => {
  const look = { space, readOnly: false, error: null };
  expect(assess(look)).toEqual({ health: 'healthy', problem: null, writable: true });
  // As df counts: what only root may take is not there.
  const nearlyFull = { total: 1000, used: 912, available: 48 };
  expect(assess({ ...look, space: nearlyFull })).toMatchObject({ problem: '95 % full' });
  expect(assess({ ...look, space: { ...space, used: 8_000 } })).toMatchObject({
    health: 'healthy',
  });
  expect(assess({ ...look, readOnly: true })).toEqual({
    health: 'degraded',
    problem: 'mounted read-only',
    writable: false,
  });
  expect(assess({ ...look, error: failure('EACCES') })).toMatchObject({ health: 'degraded' });
  expect(assess({ ...look, error: failure('EIO') })).toEqual({
    health: 'failed',
    problem: 'EIO: why',
    writable: false,
  });
  expect(assess({ ...look, error: failure('ENOSPC') })).toMatchObject({
    health: 'degraded',
    writable: false,
  });
});

test('a file system without any space is not divided by', () => {
  const nothing = { total: 0, used: 0, available: 0 };
  expect(assess({ space: nothing, readOnly: false, error: null }).health).toBe('healthy');
});

test('a look that hangs is waited for once, and the pool is looked at again when it comes back', async () => {
  const guard = new HangGuard();
  const { promise, resolve } = Promise.withResolvers<string>();
  await expect(guard.look('a', 20, () => promise)).rejects.toThrow('does not answer within 0.02 s');
  let looks = 0;
  const again = () => guard.look('a', 60_000, async () => (looks += 1));
  await expect(again()).rejects.toThrow('does not answer');
  expect(looks).toBe(0);
  expect(await guard.look('b', 60_000, async () => 7)).toBe(7);
  resolve('late');
  await promise;
  await new Promise(setImmediate);
  expect(await again()).toBe(1);
});

test('looks that hang never take all threads that read files', async () => {
  const guard = new HangGuard();
  const forever = () => new Promise<never>(() => undefined);
  await expect(guard.look('a', 1, forever)).rejects.toThrow('within');
  await expect(guard.look('b', 1, forever)).rejects.toThrow('within');
  await expect(guard.look('c', 60_000, forever)).rejects.toThrow('other pools hang');
});
