import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { parseStick, readSticks } from '../../../../apps/support/sticks.ts';
import { temporaryFolder } from '../../folder.ts';
import { inside, makeRootFolder } from '../host/root-folder.ts';

/** Returns the first bytes of a 64 MiB file after a program has formatted it. */
async function madeBy(...[command, ...args]: [string, ...string[]]): Promise<Buffer> {
  const file = join(await temporaryFolder(), 'stick');
  await using made = await open(file, 'w');
  await made.truncate(64 * 1024 ** 2);
  await execa(command, command === 'mformat' ? [...args, file, '::'] : [...args, file]);
  return (await readFile(file)).subarray(0, 4096);
}

test('file systems made by the usual programs are recognized on sticks', async () => {
  const fat = await madeBy('mformat', '-F', '-v', 'MY STICK', '-i');
  expect(parseStick(fat)).toEqual({ type: 'vfat', label: 'MY STICK' });
  const plain = await madeBy('mformat', '-i');
  expect(parseStick(plain)).toEqual({ type: 'vfat', label: null });
  const ext4 = await madeBy('mkfs.ext4', '-q', '-L', 'logs');
  expect(parseStick(ext4)).toEqual({ type: 'ext4', label: 'logs' });
  for (const other of [Buffer.alloc(4096), Buffer.alloc(2), Buffer.alloc(4096, 0xff)]) {
    expect(parseStick(other)).toBeNull();
  }
});

test('only unused file systems on removable disks are offered', async () => {
  const fat = await madeBy('mformat', '-F', '-v', 'STICK', '-i');
  const disk = (name: string, removable: string, partitions: readonly string[] = []) => ({
    ...inside(`sys/block/${name}`, {
      ...{ removable, size: '131072\n', ro: '0\n', 'queue/rotational': '0\n' },
      device: '-> ../../devices/x',
      'device.model': '',
    }),
    ...Object.assign(
      {},
      ...partitions.map((one) => ({ [`sys/block/${name}/${one}/size`]: '65536\n' })),
    ),
  });
  const devices = ['sda1', 'sdb', 'sdc1', 'sdc2', 'sdc3', 'sdd1'];
  const root = await makeRootFolder({
    ...disk('sda', '0\n', ['sda1']),
    ...disk('sdb', '1\n'),
    ...disk('sdc', '1\n', ['sdc1', 'sdc2', 'sdc3']),
    'sys/block/sdc/sdc2/holders/dm-0': '',
    'sys/devices/x/': '',
    'proc/self/mountinfo': '1 0 8:1 / /quantix rw - vfat /dev/sdc1 rw\n',
    ...Object.fromEntries(devices.map((name) => [`dev/${name}`, fat])),
  });
  const found = await readSticks(root);
  expect(found.map(({ path }) => path)).toEqual(['/dev/sdb', '/dev/sdc3']);
  expect(found[1]).toEqual({
    ...{ path: '/dev/sdc3', type: 'vfat', label: 'STICK', size: 65536 * 512, model: null },
  });
});
