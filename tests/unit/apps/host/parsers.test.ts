import { writeFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { CpuMeter, computeCpuUsage, parseCpuTimes } from '../../../../apps/host/cpu-usage.ts';
import { parseUnitSerial } from '../../../../apps/host/disk-serial.ts';
import { parseSpace, readSpace } from '../../../../apps/host/file-system-space.ts';
import { isWritableMount, parseMounts } from '../../../../apps/host/mounts.ts';
import { parseOsRelease } from '../../../../apps/host/os-release.ts';
import { temporaryFolder } from '../../folder.ts';
import { makeRootFolder } from './root-folder.ts';

describe('mounts', () => {
  test('names with spaces and backslashes are unescaped', () => {
    const line = String.raw`90 27 8:17 /sub\040dir /mnt/a\040b\134c\011d rw,noatime shared:5 master:1 - xfs /dev/sd\040b rw,attr2`;
    expect(parseMounts(`${line}\n`)).toEqual([
      {
        device: '8:17',
        root: '/sub dir',
        path: '/mnt/a b\\c\td',
        type: 'xfs',
        source: '/dev/sd b',
        readOnly: false,
      },
    ]);
  });

  test('a mount or a file system that is read-only is read-only', () => {
    const text = '1 0 8:1 / /a ro - ext4 /dev/a rw\n2 0 8:2 / /b rw - ext4 /dev/b ro,errors=x\n';
    expect(parseMounts(text).map(({ readOnly }) => readOnly)).toEqual([true, true]);
  });

  test('of two mounts on one folder the last one is used', () => {
    const text = '1 0 8:1 / /a rw - ext4 /dev/a rw\n2 1 8:2 / /a rw - xfs /dev/b rw\n';
    expect(parseMounts(text)).toMatchObject([{ source: '/dev/b' }]);
  });

  test('a folder is persistent only if a writable file system is mounted on it', () => {
    const mounted = (line: string) => isWritableMount('/quantix', parseMounts(`${line}\n`));
    expect(mounted('1 0 8:1 / /quantix rw - vfat /dev/a rw')).toBe(true);
    expect(mounted('1 0 8:1 / /quantix rw - iso9660 /dev/sr0 ro')).toBe(false);
    expect(mounted('1 0 8:1 / /quantix ro - ext4 /dev/a rw')).toBe(false);
    expect(mounted('1 0 0:20 / / rw - overlay overlay rw')).toBe(false);
    const both = '1 0 8:1 / /quantix rw - ext4 /dev/a rw\n2 1 8:2 / /quantix ro - ext4 /dev/b ro';
    expect(mounted(both)).toBe(false);
  });

  test.each(['', '\n\n', ' - ', '1 2', '1 0 8:1 / /a rw', '\0\xff - \0', 'a b c d e f - g'])(
    'a line like %j is left out',
    (line) => {
      const good = '1 0 8:1 / /a rw - ext4 /dev/a rw';
      expect(parseMounts(`${line}\n${good}`)).toHaveLength(1);
    },
  );
});

describe('processors', () => {
  test('usage is that between two reads, without the time of waiting for disks', () => {
    const before = parseCpuTimes('cpu  100 10 50 800 40 0 0 0 0 0\n');
    const after = parseCpuTimes('cpu  125 10 50 850 65 0 0 0 0 0');
    expect(computeCpuUsage(before, after)).toBe(0.25);
  });

  test('counters that stand still or decrease mean no usage', () => {
    const times = { busy: 5, total: 10 };
    expect(computeCpuUsage(times, times)).toBe(0);
    expect(computeCpuUsage(times, { busy: 1, total: 2 })).toBe(0);
  });

  test('a meter gives all callers the usage of the last seconds', async () => {
    const root = await makeRootFolder({ 'proc/stat': 'cpu  30 0 0 10 0 0 0 0\n' });
    let seconds = 0;
    const meter = new CpuMeter(root, () => seconds * 1000);
    /** Lets seconds pass. @param busy total of busy ticks */
    const pass = async (more: number, busy: number) => {
      seconds += more;
      const [total, used] = [40 + seconds * 100, 30 + busy];
      await writeFile(`${root}/proc/stat`, `cpu  ${used} 0 0 ${total - used} 0 0 0 0\n`);
    };
    expect(await meter.look()).toBe(0.75);
    expect(await meter.look()).toBe(0.75);
    await pass(10, 900);
    // Four callers: a heartbeat, a scrape and two consoles.
    const four = [await meter.look(), await meter.look(), await meter.look(), await meter.look()];
    expect(four).toEqual([0.9, 0.9, 0.9, 0.9]);
    for (let count = 0; count < 20; count += 1) {
      await pass(0.25, 900);
      await meter.look();
    }
    expect(await meter.look()).toBe(0);
    await pass(30, 900 + 1500);
    expect(await meter.look()).toBe(0.5);
  });
});

test('values of os-release are unquoted; lines that are not assignments are ignored', () => {
  const text = `NAME="a \\"b\\" \\$c"\nID='it is'\nX=plain\n# NAME=x\nrm -rf /\nlower=1\nY="open\n`;
  expect([...parseOsRelease(text)]).toEqual([
    ['NAME', 'a "b" $c'],
    ['ID', 'it is'],
    ['X', 'plain'],
    ['Y', '"open'],
  ]);
});

describe("a disk's serial number", () => {
  test('has the length that its page states', () => {
    expect(parseUnitSerial(Buffer.from('\0\x80\0\x04 AB1junk', 'latin1'))).toBe('AB1');
  });

  test.each([
    ['an empty page', ''],
    ['a header only', '\0\x80\0\xff'],
    ['another page', '\0\x83\0\x04ABCD'],
    ['no text', '\0\x80\0\x04\x01\x02\x03\xff'],
  ])('is missing with %s', (_, page) => {
    expect(parseUnitSerial(Buffer.from(page, 'latin1'))).toBeNull();
  });
});

describe('space of a file system', () => {
  test('is reported in bytes', () => {
    expect(parseSpace('4096 1000 600 500')).toEqual({
      total: 4096000,
      used: 1638400,
      available: 2048000,
    });
  });

  test.each(['', '4096', '4096 1 2', 'a b c d', '4096 1 2 -3', '1 2 3 4 5'])(
    'is refused if it is given as %j',
    (text) => {
      expect(() => parseSpace(text)).toThrow('stat printed nothing');
    },
  );

  test('is that of the real file system', async () => {
    const folder = await temporaryFolder();
    const space = await readSpace(folder, { timeout: 20_000 });
    expect(space.total).toBeGreaterThanOrEqual(space.used + space.available);
    expect(space.total).toBeGreaterThan(0);
  });

  test('of a missing folder is an error with the system’s message', async () => {
    const look = readSpace('/nonexistent', { timeout: 20_000 });
    await expect(look).rejects.toThrow('No such file or directory');
  });
});
