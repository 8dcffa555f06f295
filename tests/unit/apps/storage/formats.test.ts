import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseFileSystem, readFileSystem } from '../../../../apps/storage/superblock.ts';
import { determineVolumeFormat } from '../../../../apps/storage/volume-format.ts';
import { temporaryFolder } from '../../folder.ts';

function qcow2({ version = 3, capacity = 10n * 1024n ** 3n } = {}): Buffer {
  const head = Buffer.alloc(104);
  head.write('QFI\xfb', 'latin1');
  head.writeUInt32BE(version, 4);
  head.writeBigUInt64BE(capacity, 24);
  return head;
}

function bytesAt(length: number, at: number, bytes: string): Buffer {
  const buffer = Buffer.alloc(length);
  buffer.write(bytes, at, 'latin1');
  return buffer;
}

describe('the format of a volume', () => {
  const size = 196_608;
  const none = Buffer.alloc(0);

  test('qcow2 has the capacity that a machine sees, whatever the file name', () => {
    const head = qcow2();
    expect(determineVolumeFormat({ name: 'a.raw', size, head, descriptor: none })).toEqual({
      format: 'qcow2',
      capacity: 10737418240,
    });
  });

  test.each([
    ['cut short', qcow2().subarray(0, 20)],
    ['of an unknown version', qcow2({ version: 9 })],
    ['too large for an exact number', qcow2({ capacity: 2n ** 64n - 1n })],
  ])('qcow2 that is %s is unknown, with the size of its file', (_, head) => {
    expect(determineVolumeFormat({ name: 'a', size, head, descriptor: none })).toEqual({
      format: 'unknown',
      capacity: size,
    });
  });

  test('an ISO is recognised by its descriptor, and a raw image only by its name', () => {
    const descriptor = Buffer.from('CD001');
    expect(determineVolumeFormat({ name: 'x', size, head: none, descriptor }).format).toBe('iso');
    const empty = { size: 0, head: none, descriptor: none };
    expect(determineVolumeFormat({ name: 'a.IMG', ...empty }).format).toBe('raw');
    expect(determineVolumeFormat({ name: 'fake.iso', ...empty }).format).toBe('unknown');
  });
});

describe('the UUID of a file system', () => {
  const id = '\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10';
  const text = '01020304-0506-0708-090a-0b0c0d0e0f10';

  test.each([
    ['XFS', 0, 'XFSB', 32],
    ['ext4', 1080, '\x53\xef', 1128],
    ['btrfs', 65600, '_BHRfS_M', 65568],
  ])('is read from %s', (kind, at, signature, uuidAt) => {
    const start = bytesAt(68 * 1024, at, signature);
    start.write(id, uuidAt, 'latin1');
    expect(parseFileSystem(start)).toEqual({ type: kind.toLowerCase(), uuid: text });
    expect(parseFileSystem(start.subarray(0, uuidAt + 8))).toBeNull();
  });

  test('is missing for other bytes, a UUID of zeros and unreadable devices', async () => {
    expect(parseFileSystem(Buffer.alloc(0))).toBeNull();
    expect(parseFileSystem(bytesAt(1024, 0, 'XFSB'))).toBeNull();
    expect(await readFileSystem('/nonexistent')).toBeNull();
    const short = join(await temporaryFolder(), 'short');
    await writeFile(short, 'XFSB');
    expect(await readFileSystem(short)).toBeNull();
  });
});
