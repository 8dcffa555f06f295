import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { withFileLock } from '../../../build/process/file-lock.ts';
import { temporaryFolder } from '../folder.ts';

const MODULE = join(import.meta.dirname, '../../../build/process/file-lock.ts');

/** Runs work for each kind of lock at once, and writes down who begins and ends. */
async function together(kinds: ('exclusive' | 'shared')[]): Promise<string[]> {
  const file = join(await temporaryFolder(), 'x.lock');
  const events: string[] = [];
  let inside = 0;
  await Promise.all(
    kinds.map((kind) =>
      withFileLock({ file, kind }, async () => {
        inside += 1;
        events.push(`${inside} inside`);
        await sleep(50);
        inside -= 1;
      }),
    ),
  );
  return events;
}

test('one at a time holds an exclusive lock', async () => {
  expect(await together(['exclusive', 'exclusive', 'exclusive'])).toEqual(
    Array.from({ length: 3 }, () => '1 inside'),
  );
});

test('readers hold a shared lock together', async () => {
  expect(await together(['shared', 'shared'])).toContain('2 inside');
});

test('what the work returns and throws comes out, and the lock is free afterwards', async () => {
  const file = join(await temporaryFolder(), 'x.lock');
  const lock = { file, kind: 'exclusive' } as const;
  await expect(withFileLock(lock, () => Promise.reject(new Error('mine')))).rejects.toThrow('mine');
  expect(await withFileLock(lock, async () => 42)).toBe(42);
});

test('a process that is killed leaves no lock', async () => {
  const file = join(await temporaryFolder(), 'x.lock');
  const script = `const { withFileLock } = await import(${JSON.stringify(MODULE)});
    await withFileLock({ file: process.argv[1], kind: 'exclusive' }, () => {
      console.log('inside');
      return new Promise((done) => setTimeout(done, 600_000));
    });`;
  const child = execa(process.execPath, ['--input-type=module', '--eval', script, file], {
    reject: false,
    buffer: false,
  });
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  expect(await withFileLock({ file, kind: 'exclusive' }, async () => 'free')).toBe('free');
});

test('who waits can be told to give up', async () => {
  const file = join(await temporaryFolder(), 'x.lock');
  await withFileLock({ file, kind: 'exclusive' }, async () => {
    const signal = AbortSignal.timeout(50);
    const waiting = withFileLock({ file, kind: 'exclusive', signal }, async () => 'held');
    await expect(waiting).rejects.toThrow('flock was cancelled');
  });
});

test('a folder that is not there is told', async () => {
  const file = join(await temporaryFolder(), 'nowhere/x.lock');
  await expect(withFileLock({ file, kind: 'shared' }, async () => 1)).rejects.toThrow(
    /^flock exited with 66: .*No such file or directory/,
  );
});
