import { mkdir, mkdtemp, readdir, readlink, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { expect, test, vi } from 'vitest';
import { holdWhileWriting, isAbandoned, withFileLock } from '../../../build/process/file-lock.ts';
import { temporaryFolder } from '../folder.ts';

const MODULE = join(import.meta.dirname, '../../../build/process/file-lock.ts');

/** Starts another process that runs a line of code with the module, prints `ready` and keeps running. */
async function otherProcess(code: string) {
  const text = `const lock = await import(${JSON.stringify(MODULE)});
    const stay = () => { console.log('ready'); return new Promise((done) => setTimeout(done, 1e6)); };
    ${code}`;
  const child = execa(process.execPath, ['--input-type=module', '-e', text], { reject: false });
  await createInterface(child.stdout)[Symbol.asyncIterator]().next();
  return { child };
}

test('one process at a time holds an exclusive lock', async () => {
  const file = join(await temporaryFolder(), 'x.lock');
  const seen: number[] = [];
  let inside = 0;
  const work = async () => {
    inside += 1;
    seen.push(inside);
    await sleep(50);
    inside -= 1;
  };
  await Promise.all([1, 2, 3].map(() => withFileLock({ file, kind: 'exclusive' }, work)));
  expect(seen).toEqual([1, 1, 1]);
});

test('readers hold a shared lock together', async () => {
  const file = join(await temporaryFolder(), 'x.lock');
  const inside = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const everyone = Promise.all(inside.map(({ promise }) => promise));
  await Promise.all(
    inside.map(({ resolve }) =>
      withFileLock({ file, kind: 'shared' }, async () => {
        resolve();
        // Each holds the lock until the other one holds it, too.
        await everyone;
      }),
    ),
  );
});

test('the result or the error of the work is passed on, and the lock is free afterwards', async () => {
  const file = join(await temporaryFolder(), 'x.lock');
  const lock = { file, kind: 'exclusive' } as const;
  await expect(withFileLock(lock, () => Promise.reject(new Error('mine')))).rejects.toThrow('mine');
  expect(await withFileLock(lock, async () => 42)).toBe(42);
});

test('a lock whose file cannot be removed is released nevertheless', async () => {
  const file = join(await temporaryFolder(), 'x.lock');
  const lock = { file, kind: 'exclusive' } as const;
  const broken = withFileLock(lock, async () => {
    await rm(file);
    await mkdir(join(file, 'inside'), { recursive: true });
  });
  await expect(broken).rejects.toMatchObject({ code: 'ERR_FS_EISDIR' });
  const open = await readdir('/proc/self/fd');
  const targets = await Promise.all(
    open.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')),
  );
  expect(targets.filter((target) => target.startsWith(file))).toEqual([]);
});

test('the lock of a process that is killed is free', async () => {
  const lock = join(await temporaryFolder(), 'lock');
  const { child: holder } = await otherProcess(
    `await lock.withFileLock(${JSON.stringify({ file: lock, kind: 'exclusive' })}, stay)`,
  );
  const cancel = new AbortController();
  const waiting = withFileLock(
    { file: lock, kind: 'exclusive', signal: cancel.signal },
    async () => 'worked',
  );
  cancel.abort();
  await expect(waiting).rejects.toThrow('waiting for another build was cancelled');
  holder.kill('SIGKILL');
  await holder;
  expect(await withFileLock({ file: lock, kind: 'exclusive' }, async () => 'worked')).toBe(
    'worked',
  );
  expect(await readdir(dirname(lock))).toEqual([]);
});

test('a file being written is not abandoned until its writer has ended', async () => {
  const folder = await mkdtemp(join(await temporaryFolder(), '.making-'));
  const held = await holdWhileWriting(folder);
  expect(await isAbandoned(folder)).toBe(false);
  await held.close();
  expect(await isAbandoned(folder)).toBe(true);
  const { child: writer } = await otherProcess(
    `const held = await lock.holdWhileWriting(${JSON.stringify(folder)}); await stay(); held.close()`,
  );
  expect(await isAbandoned(folder)).toBe(false);
  writer.kill('SIGKILL');
  await writer;
  await vi.waitFor(async () => expect(await isAbandoned(folder)).toBe(true), 30_000);
  expect(await isAbandoned(join(folder, 'nowhere'))).toBe(false);
});
