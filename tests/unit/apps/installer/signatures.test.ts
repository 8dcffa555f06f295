import { execFile } from 'node:child_process';
import { open, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { findSignatures, wipeRegions } from '../../../../apps/installer/signatures.ts';
import { overwriteWithZeros, wipeDisk } from '../../../../apps/installer/wipe.ts';
import { temporaryFolder } from '../../folder.ts';
import { SYSTEMS, writeSignatures } from './dirty.ts';
import { MemoryDisk } from './memory-disk.ts';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
const { signal } = new AbortController();

/** A disk with a partition, both of any size; the partition begins at any sector. */
const disks = fc.record({
  sectorSize: fc.constantFrom(512, 4096),
  sectors: fc.integer({ min: 10_000, max: 1_000_000 }),
  start: fc.integer({ min: 1, max: 4000 }),
  length: fc.integer({ min: 16, max: 5000 }),
  system: fc.constantFrom(...SYSTEMS),
});

describe('signatures', () => {
  test('of every system are found on the whole disk and in a partition', async () => {
    for (const system of SYSTEMS) {
      const disk = new MemoryDisk(4 * GIB);
      const region = { offset: 100 * MIB, bytes: GIB };
      expect(await findSignatures(disk, [region])).toEqual([]);
      writeSignatures(disk, system, region);
      const names = (await findSignatures(disk, [region])).map(({ name }) => name);
      expect(names, system).toContain(system);
    }
  });

  test('are all gone after a wipe, for any partition and sector size', async () => {
    await fc.assert(
      fc.asyncProperty(disks, async ({ sectorSize, sectors, start, length, system }) => {
        const disk = new MemoryDisk(sectors * sectorSize, sectorSize);
        const old = { offset: start * sectorSize, bytes: length * sectorSize };
        const whole = { offset: 0, bytes: disk.bytes };
        const marks = writeSignatures(disk, system, old) + writeSignatures(disk, system, whole);
        const found = await findSignatures(disk, [old]);
        expect(marks === 0 || found.length > 0).toBe(true);
        await wipeDisk(disk, [old], signal);
        expect(await findSignatures(disk, [old])).toEqual([]);
      }),
      { numRuns: 12 },
    );
  });

  test('at high offsets of a disk of many terabytes are found and wiped, too', async () => {
    const disk = new MemoryDisk(8 * 1024 * GIB, 4096);
    const old = { offset: GIB, bytes: 4 * 1024 * GIB };
    expect(writeSignatures(disk, 'btrfs', old)).toBe(3);
    expect(await findSignatures(disk, [old])).toHaveLength(3);
    await wipeDisk(disk, [old], signal);
    expect(await findSignatures(disk, [old])).toEqual([]);
  });

  test('a single copy of a GPT is found, and so is an MBR', async () => {
    const backup = new MemoryDisk(GIB, 4096);
    backup.put(GIB - 4096, Buffer.from('EFI PART'));
    expect(await findSignatures(backup, [])).toEqual([{ name: 'GPT', offset: GIB - 4096 }]);
    const record = new MemoryDisk(GIB);
    record.put(446, Buffer.from('80000000830000000008000000000800', 'hex'));
    record.put(510, Buffer.from('55aa', 'hex'));
    expect(await findSignatures(record, [])).toEqual([{ name: 'MBR', offset: 0 }]);
  });

  test('a partition outside the disk, as in a damaged GPT, does not cause an error', async () => {
    const disk = new MemoryDisk(GIB);
    expect(await findSignatures(disk, [{ offset: 2 * GIB, bytes: GIB }])).toEqual([]);
    await wipeDisk(
      disk,
      [
        { offset: GIB - MIB, bytes: GIB },
        { offset: -5, bytes: 3 },
      ],
      signal,
    );
  });
});

describe('a wipe', () => {
  test('writes only whole sectors within the disk, in order and each once', () => {
    fc.assert(
      fc.property(disks, ({ sectorSize, sectors, start, length }) => {
        const bytes = sectors * sectorSize;
        const old = { offset: start * sectorSize, bytes: length * sectorSize };
        let end = -1;
        for (const region of wipeRegions({ bytes, sectorSize }, [old])) {
          expect(region.offset).toBeGreaterThan(end);
          expect(region.offset % sectorSize).toBe(0);
          expect(region.bytes % sectorSize).toBe(0);
          end = region.offset + region.bytes;
          expect(end).toBeLessThanOrEqual(bytes);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('reports a disk that ignores writes', async () => {
    const disk = new MemoryDisk(GIB, 512, (offset) => offset === 2 * MIB);
    disk.put(2 * MIB + 5, Buffer.from([1]));
    await expect(wipeDisk(disk, [], signal)).rejects.toThrow(
      /does not keep what is written to it, near byte 2097152/,
    );
  });

  test('first removes the boot code and tables, so that a later power cut leaves nothing that half boots', async () => {
    const disk = new MemoryDisk(8 * GIB);
    const written: (number | 'flush')[] = [];
    const recorded = {
      sectorSize: 512,
      bytes: disk.bytes,
      read: (offset: number, length: number) => disk.read(offset, length),
      write: (offset: number, data: Uint8Array) => {
        written.push(offset);
        return disk.write(offset, data);
      },
      flush: async () => void written.push('flush'),
    };
    await wipeDisk(recorded, [{ offset: 302 * MIB, bytes: GIB }], signal);
    expect(written.slice(0, 2)).toEqual([0, 'flush']);
    const flushed = written.indexOf('flush', 2);
    expect(written.slice(0, flushed).every((at) => at === 'flush' || at < 16 * MIB)).toBe(true);
    expect(written.slice(flushed).some((at) => Number(at) >= 302 * MIB)).toBe(true);
  });

  test('can be cancelled', async () => {
    const given = AbortSignal.abort();
    await expect(
      overwriteWithZeros(new MemoryDisk(GIB), [{ offset: 0, bytes: MIB }], given),
    ).rejects.toThrow();
  });
});

const execute = promisify(execFile);
const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };

/** Signatures that real programs write are at the searched places. */
test.each([
  { name: 'ext', program: 'mkfs.ext4', args: ['-q', '-F'] },
  { name: 'swap', program: 'mkswap', args: [] },
])('a file system made by $program is found as $name', async ({ name, program, args }) => {
  const file = join(await temporaryFolder(), 'disk.img');
  await writeFile(file, '');
  await truncate(file, 64 * MIB);
  await execute(program, [...args, file], { env });
  await using opened = await open(file, 'r');
  const disk = new MemoryDisk(64 * MIB);
  const { buffer } = await opened.read(Buffer.alloc(64 * MIB), 0, 64 * MIB, 0);
  disk.put(0, buffer);
  expect((await findSignatures(disk, [])).map((one) => one.name)).toContain(name);
  await wipeDisk(disk, [{ offset: MIB, bytes: 32 * MIB }], signal);
});
