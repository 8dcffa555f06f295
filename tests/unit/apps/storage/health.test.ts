import { expect, test } from 'vitest';
import { assessHealth } from '../../../../apps/storage/health.ts';

const space = { total: 1000, used: 500, available: 450 };
const failure = (code: string) => Object.assign(new Error(`${code}: why`), { code });

test('a readable pool is healthy, full, read-only, or has an error', () => {
  const look = { space, readOnly: false, error: null };
  expect(assessHealth(look)).toEqual({ health: 'healthy', problem: null, writable: true });
  // Counted as df does: space that is reserved for root is not available.
  const nearlyFull = { total: 1000, used: 912, available: 48 };
  expect(assessHealth({ ...look, space: nearlyFull })).toMatchObject({ problem: '95 % full' });
  expect(assessHealth({ ...look, space: { ...space, used: 8_000 } })).toMatchObject({
    health: 'healthy',
  });
  expect(assessHealth({ ...look, readOnly: true })).toEqual({
    health: 'degraded',
    problem: 'mounted read-only',
    writable: false,
  });
  expect(assessHealth({ ...look, error: failure('EACCES') })).toMatchObject({ health: 'degraded' });
  expect(assessHealth({ ...look, error: failure('EIO') })).toEqual({
    health: 'failed',
    problem: 'EIO: why',
    writable: false,
  });
  expect(assessHealth({ ...look, error: failure('ENOSPC') })).toMatchObject({
    health: 'degraded',
    writable: false,
  });
});

test('a file system of size 0 does not cause a division by zero', () => {
  const nothing = { total: 0, used: 0, available: 0 };
  expect(assessHealth({ space: nothing, readOnly: false, error: null }).health).toBe('healthy');
});

test('a pool without free space is not writable, without a write test', () => {
  const full = { total: 1000, used: 1000, available: 0 };
  expect(assessHealth({ space: full, readOnly: false, error: null })).toEqual({
    health: 'degraded',
    problem: '100 % full',
    writable: false,
  });
});
