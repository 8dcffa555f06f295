import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  makeAtomically,
  makeTemporaryName,
  writeFileAtomically,
} from '../../../build/process/atomic-write.ts';
import { errorCode } from '../../../build/process/errno.ts';
import { hashFile } from '../../../build/process/hash-file.ts';
import { sha256 } from '../../../build/step/digest.ts';
import { temporaryFolder } from '../folder.ts';

describe('a file that is made atomically', () => {
  test('exists once it is complete, and the result of its maker is returned', async () => {
    const folder = await temporaryFolder();
    const file = join(folder, 'x');
    const made = await makeAtomically(file, async (temporary) => {
      expect(dirname(temporary)).toBe(folder);
      await writeFile(temporary, 'half');
      expect(await readdir(folder)).not.toContain('x');
      await writeFile(temporary, 'whole');
      return 7;
    });
    expect(made).toBe(7);
    expect(await readdir(folder)).toEqual(['x']);
    expect(await readFile(file, 'utf8')).toBe('whole');
  });

  test.each([
    [
      'fails',
      async (temporary: string) => {
        await writeFile(temporary, 'half');
        throw new Error('disk full');
      },
    ],
    ['writes nothing', async () => undefined],
  ])('keeps the earlier file if its maker %s', async (_, make) => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'x'), 'before');
    await expect(makeAtomically(join(folder, 'x'), make)).rejects.toThrow(/disk full|ENOENT/);
    expect(await readdir(folder)).toEqual(['x']);
    expect(await readFile(join(folder, 'x'), 'utf8')).toBe('before');
  });

  test('replaces an existing file', async () => {
    const file = join(await temporaryFolder(), 'x');
    await writeFileAtomically(file, 'one, and longer');
    const { ino } = await stat(file);
    await writeFileAtomically(file, Buffer.from('two'));
    expect(await readFile(file, 'utf8')).toBe('two');
    expect((await stat(file)).ino).not.toBe(ino);
  });

  test('that cannot be renamed leaves nothing', async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'x/full'), { recursive: true });
    await expect(writeFileAtomically(join(folder, 'x'), 'text')).rejects.toThrow(
      /^this is a folder, not a file .*\/x/,
    );
    expect(await readdir(folder)).toEqual(['x']);
  });

  test('never replaces a device', async () => {
    await expect(writeFileAtomically('/dev/null', 'text')).rejects.toThrow(
      'this is a device, not a file (/dev/null). Write a file, and copy it to the device with dd.',
    );
    expect((await stat('/dev/null')).isCharacterDevice()).toBe(true);
  });

  test('has another temporary name each time: containers that share a folder have equal process ids', async () => {
    const file = join(await temporaryFolder(), 'x');
    const first = Promise.withResolvers<void>();
    const slow = makeAtomically(file, async (temporary) => {
      await writeFile(temporary, 'slow');
      await first.promise;
    });
    await writeFileAtomically(file, 'quick');
    first.resolve();
    await slow;
    expect(await readFile(file, 'utf8')).toBe('slow');
    expect(makeTemporaryName(file)).not.toBe(makeTemporaryName(file));
  });

  test('has its permissions from the first byte on', async () => {
    const file = join(await temporaryFolder(), 'deep/x');
    const write = async (temporary: string) => {
      expect((await stat(temporary)).mode & 0o777).toBe(0o600);
      await writeFile(temporary, 'secret');
    };
    await makeAtomically(file, write, { mode: 0o600 });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });
});

describe('a file that is hashed', () => {
  const content = Buffer.from(Array.from({ length: 2_500_000 }, (_, index) => index % 251));

  test('is hashed as a whole and in parts, also across the borders of reads', async () => {
    const file = join(await temporaryFolder(), 'x');
    await writeFile(file, content);
    const parts = [
      { offset: 0, size: 10 },
      { offset: 1_000_000, size: 1_200_000 },
      { offset: 1024 * 1024, size: 1 },
      { offset: 5, size: 0 },
      { offset: 2_499_999, size: 100 },
      { offset: 3_000_000, size: 5 },
    ];
    const { whole, parts: hashes } = await hashFile(file, parts);
    expect(whole).toBe(sha256(content));
    expect(hashes).toEqual(
      parts.map(({ offset, size }) => sha256(content.subarray(offset, offset + size))),
    );
  });

  test('may be empty, but must exist', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'x'), '');
    expect(await hashFile(join(folder, 'x'))).toEqual({ whole: sha256(''), parts: [] });
    await expect(hashFile(join(folder, 'y'))).rejects.toThrow('ENOENT');
  });

  test('is closed on cancellation', async () => {
    const file = join(await temporaryFolder(), 'x');
    await writeFile(file, content);
    await expect(hashFile(file, [], AbortSignal.abort())).rejects.toThrow('abort');
  });
});

test('the operating system’s code of an error is found where there is one', () => {
  expect(errorCode(Object.assign(new Error('x'), { code: 'ENOSPC' }))).toBe('ENOSPC');
  expect(errorCode(Object.assign(new Error('x'), { code: 7 }))).toBeUndefined();
  expect([new Error('x'), 'ENOENT', undefined, null].map(errorCode)).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});
