import { execFileSync } from 'node:child_process';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openBlockDevice } from '../../../apps/disk/open-block-device.ts';
import { type BlockDevice, sliceDevice } from '../../../build/disk/block-device.ts';
import { findPartition } from '../../../build/disk/layout.ts';
import { readLayout } from '../../../build/disk/read-layout.ts';
import { writeInstalledDisk } from '../../../build/disk/write-installed-disk.ts';
import { type Recording, replayCuts } from '../../power-cuts/replay.ts';
import { RecordingDevice } from '../../power-cuts/sectors.ts';
import {
  IMAGES,
  RIGHT,
  StoryRunner,
  smallDisk,
  trailer,
  type Updater,
} from '../../power-cuts/stories.ts';
import { WriteLog } from '../../power-cuts/write-log.ts';
import { BUGS } from '../../power-cuts/wrong.ts';
import { installRequest } from '../disk/installed.ts';
import { temporaryFolder } from '../folder.ts';

/** Makes QEMU repeat the operations that a disk in memory recorded, and write them to its own log. */
async function record({
  bytes,
  sectorSize,
  operations,
}: RecordingDevice): Promise<Recording & { folder: string }> {
  const folder = await temporaryFolder();
  const [end, log] = [join(folder, 'disk'), join(folder, 'log')];
  for (const file of [end, log]) writeFileSync(file, '');
  truncateSync(end, bytes);
  const commands = operations.flatMap((operation, index) => {
    if (operation.type === 'flush') return ['flush'];
    if (operation.type === 'mark') return [];
    writeFileSync(join(folder, `w${index}`), operation.data);
    return [
      `write -q -s ${join(folder, `w${index}`)} ${operation.offset} ${operation.data.length}`,
    ];
  });
  const options = [
    `driver=blklogwrites,log-sector-size=${sectorSize}`,
    `file.driver=raw,file.file.driver=file,file.file.filename=${end}`,
    `log.driver=raw,log.file.driver=file,log.file.filename=${log}`,
  ];
  const input = `${commands.join('\n')}\nquit\n`;
  execFileSync('qemu-io', ['-t', 'writeback', '--image-opts', options.join(',')], { input });
  const images: Record<string, string> = {};
  for (const [name, bytesOf] of Object.entries(IMAGES)) {
    images[name] = join(folder, name);
    writeFileSync(images[name], bytesOf);
  }
  return { log, end, sectorSize, images, boots: [null, 'one', 'two'], folder };
}

/** Makes a real file system on a part of a disk. */
async function makeExt4(device: BlockDevice, { offset, bytes }: { offset: number; bytes: number }) {
  const file = join(await temporaryFolder(), 'ext4');
  writeFileSync(file, '');
  truncateSync(file, bytes);
  execFileSync('/sbin/mkfs.ext4', ['-q', file]);
  const content = readFileSync(file);
  const part = sliceDevice(device, offset, bytes);
  const zeros = Buffer.alloc(65_536);
  for (let at = 0; at < bytes; at += zeros.length) {
    const piece = content.subarray(at, at + zeros.length);
    if (!piece.equals(zeros)) await part.write(at, piece);
  }
  await part.flush();
}

/** An installation and an update. */
async function installAndUpdate(sectorSize: number, updater?: Updater): Promise<RecordingDevice> {
  const { shape, layout } = smallDisk(sectorSize);
  const device = new RecordingDevice(shape);
  const request = installRequest(layout, {
    image: IMAGES.one,
    makeFileSystem: (partition) => makeExt4(device, partition),
  });
  await writeInstalledDisk(device, { ...request, trailer: trailer('one') });
  const teller = new StoryRunner(device, layout, updater);
  const trial = await teller.update({ good: { slot: 'a', name: 'one' } }, 'two');
  await teller.boot();
  await teller.confirm(trial);
  return device;
}

test.each([512, 4096])(
  '%i bytes: an installation and an update in QEMU survive a power cut at 1,000 places',
  async (sectorSize) => {
    const device = await installAndUpdate(sectorSize);
    const recording = await record(device);
    using log = new WriteLog(recording.log);
    const writes = [...log.entries()].filter(({ bytes }) => bytes > 0);
    expect(writes).toHaveLength(device.operations.filter(({ type }) => type === 'write').length);
    const work = join(recording.folder, 'work');
    const cut = join(recording.folder, 'cut');
    let written = false;
    const report = await replayCuts(recording, {
      ...{ cuts: 1000, seed: 1, work, checkEvery: 100 },
      onCut: ({ uefi, writeTo }) => {
        if (written || uefi.join() !== 'two') return;
        written = true;
        writeTo(cut);
      },
    });
    expect(report.cuts).toBe(1000);
    expect(report.checked).toBeGreaterThan(0);
    expect(Object.keys(report.outcomes).toSorted()).toEqual(
      expect.arrayContaining(['null', 'one', 'two']),
    );
    // The disk that `writeTo` wrote for a cut has the state that the cut leaves.
    await using disk = await openBlockDevice(cut, { fileSectorSize: sectorSize });
    const layout = await readLayout(disk);
    const { offset } = findPartition(
      layout ?? { ...smallDisk(sectorSize).layout, partitions: [] },
      'b',
    );
    expect((await disk.read(offset, 1_351_680)).subarray(0, IMAGES.two.length)).toEqual(IMAGES.two);
  },
  300_000,
);

test.each(['no flush', 'the trailer before the image'])(
  'a planted bug is found in QEMU’s log: %s',
  async (bug) => {
    const device = await installAndUpdate(512, { ...RIGHT, ...BUGS[bug] });
    const recording = await record(device);
    const work = join(recording.folder, 'work');
    await expect(
      replayCuts(recording, { cuts: 1000, seed: 1, work, checkEvery: 1000 }),
    ).rejects.toThrow(/belongs to another image|incomplete/);
  },
  300_000,
);
