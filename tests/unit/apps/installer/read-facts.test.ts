import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { readMachine } from '../../../../apps/installer/read-facts.ts';
import { ExplainedError } from '../../../../build/explained-error.ts';
import { temporaryFolder } from '../../folder.ts';
import { writeSignatures } from './dirty.ts';
import { GIB, MIB, machineWith } from './machines.ts';
import { MemoryDisk } from './memory-disk.ts';

const PCI = 'sys/devices/pci0000:00/0000:00:1f.2';

/** Files of /sys and /proc of a machine with a SATA disk in LVM, the stick that it runs from, and an NVMe disk. */
async function makeRootFolder(): Promise<string> {
  const root = await temporaryFolder();
  const put = async (path: string, text: string) => {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  };
  const link = async (path: string, target: string) => {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await symlink(join(root, target), join(root, path));
  };
  const disk = async (
    folder: string,
    name: string,
    device: string,
    facts: Record<string, string>,
  ) => {
    await mkdir(join(root, device), { recursive: true });
    for (const [attribute, text] of Object.entries(facts))
      await put(`${folder}/${attribute}`, text);
    await link(`${folder}/device`, device);
    await link(`sys/block/${name}`, folder);
  };
  const sda = `${PCI}/ata1/host0/target0:0:0/0:0:0:0/block/sda`;
  await disk(sda, 'sda', dirname(dirname(sda)), {
    size: String((20 * GIB) / 512),
    dev: '8:0',
    ro: '0',
    'queue/logical_block_size': '512',
    'sda1/partition': '1',
    'sda1/start': '2048',
    'sda1/size': String(GIB / 512),
    'sda1/dev': '8:1',
    'sda1/holders/dm-0/dev': '253:0',
  });
  await put(`${dirname(dirname(sda))}/wwid`, 'naa.5000c500d1e2f304\n');
  await put(`${dirname(dirname(sda))}/model`, 'ST4000NM000A\n');
  await put('sys/devices/virtual/block/dm-0/dev', '253:0');
  await link('sys/block/dm-0', 'sys/devices/virtual/block/dm-0');
  const sdb =
    'sys/devices/pci0000:00/0000:00:14.0/usb1/1-1/1-1:1.0/host1/target1:0:0/1:0:0:0/block/sdb';
  await disk(sdb, 'sdb', dirname(dirname(sdb)), {
    size: String((4 * GIB) / 512),
    dev: '8:16',
    removable: '1',
    'queue/logical_block_size': '512',
  });
  const nvme = 'sys/devices/pci0000:00/0000:00:1d.0/nvme/nvme0/nvme0n1';
  await disk(nvme, 'nvme0n1', dirname(nvme), {
    size: String((40 * GIB) / 512),
    dev: '259:0',
    wwid: 'eui.0025385b71b01f2a\n',
    'queue/logical_block_size': '4096',
  });
  await put(`${dirname(nvme)}/serial`, 'S64GNE0R911111      \n');
  await put('sys/devices/virtual/block/loop0/dev', '7:0');
  await put('sys/devices/virtual/block/loop0/loop/backing_file', '/dev/sdb\n');
  await link('sys/block/loop0', 'sys/devices/virtual/block/loop0');
  await put(
    'proc/self/mountinfo',
    [
      '30 1 7:0 / /run/quantix/medium ro - iso9660 /dev/loop0 ro',
      '31 1 253:0 / /srv rw - ext4 /dev/mapper/a-b rw',
    ].join('\n'),
  );
  await put('proc/swaps', 'Filename Type Size Used Priority\n/dev/nvme0n1 partition 1 0 -2\n');
  await put('sys/firmware/efi/fw_platform_size', '64');
  return root;
}

test('disks are reported with their contents, the devices built on them, and their users', async () => {
  const disks = new Map([
    ['/dev/sda', new MemoryDisk(20 * GIB)],
    ['/dev/sdb', new MemoryDisk(4 * GIB)],
    ['/dev/nvme0n1', new MemoryDisk(40 * GIB, 4096)],
  ]);
  writeSignatures(disks.get('/dev/sda') ?? new MemoryDisk(MIB), 'LVM', { offset: MIB, bytes: GIB });
  const machine = await readMachine({
    image: machineWith([]).image,
    root: await makeRootFolder(),
    architecture: 'x64',
    openToRead: async (path) => disks.get(path) ?? Promise.reject(new Error(path)),
  });
  expect(machine.firmware).toBe('uefi');
  expect(machine.unmountedConfiguration).toBeNull();
  const [nvme, sda, sdb] = machine.disks;
  expect(machine.disks).toHaveLength(3);
  expect(sda).toMatchObject({
    path: '/dev/sda',
    model: 'ST4000NM000A',
    wwn: 'naa.5000c500d1e2f304',
    transport: 'sata',
    sectorSize: 512,
    holders: ['dm-0'],
    uses: ['mounted at /srv'],
    partitions: [{ number: 1, offset: MIB, bytes: GIB }],
    isMedium: false,
  });
  expect(sda?.contents.map(({ name }) => name)).toContain('LVM');
  expect(sdb).toMatchObject({
    path: '/dev/sdb',
    transport: 'usb',
    isMedium: true,
    uses: [],
    contents: [],
  });
  expect(nvme).toMatchObject({
    path: '/dev/nvme0n1',
    serial: 'S64GNE0R911111',
    wwn: 'eui.0025385b71b01f2a',
    sectorSize: 4096,
    bytes: 40 * GIB,
    transport: 'nvme',
    uses: ['swap on /dev/nvme0n1'],
  });
});

/** Returns the facts about the NVMe disk of the simulated machine. @param nvme the disk, or the error of opening it */
async function toldOf(nvme: MemoryDisk | Error) {
  const disks = new Map<string, MemoryDisk | Error>([
    ['/dev/sda', new MemoryDisk(20 * GIB)],
    ['/dev/sdb', new MemoryDisk(4 * GIB)],
    ['/dev/nvme0n1', nvme],
  ]);
  const { disks: told } = await readMachine({
    image: machineWith([]).image,
    root: await makeRootFolder(),
    architecture: 'x64',
    openToRead: async (path) => {
      const disk = disks.get(path) ?? new Error(path);
      if (disk instanceof Error) throw disk;
      return disk;
    },
  });
  return told.find(({ path }) => path === '/dev/nvme0n1');
}

test.each([
  ['at its beginning', 0],
  ['after a first MiB that is empty', MIB + 100 * 1024],
  ['at its end', 40 * GIB - 4096],
])('unknown data %s is reported: the disk is not empty', async (_, offset) => {
  const disk = new MemoryDisk(40 * GIB, 4096);
  disk.put(offset, Buffer.from('pages of a database that lies on the bare disk'));
  expect((await toldOf(disk))?.contents.map(({ name }) => name)).toEqual(['unknown data']);
});

test('a disk filled with one byte value, as after an erasure, is empty', async () => {
  const disk = new MemoryDisk(40 * GIB, 4096);
  for (const offset of [0, 40 * GIB - 16 * MIB]) disk.put(offset, Buffer.alloc(16 * MIB, 0xff));
  expect((await toldOf(disk))?.contents).toEqual([]);
});

test('an unreadable disk is listed with the others, but cannot be chosen', async () => {
  const broken = await toldOf(new ExplainedError({ what: 'the disk gives errors' }));
  expect(broken?.uses).toEqual(
    expect.arrayContaining([expect.stringContaining('it cannot be read: the disk gives errors')]),
  );
});
