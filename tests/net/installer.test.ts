import { execFileSync } from 'node:child_process';
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeExt4 } from '../../apps/disk/make-ext4.ts';
import { openBlockDevice } from '../../apps/disk/open-block-device.ts';
import { answerFor } from '../../apps/installer/answer.ts';
import type { DiskFacts } from '../../apps/installer/facts.ts';
import { putFiles } from '../../apps/installer/file-systems.ts';
import { install, type Machinery } from '../../apps/installer/install.ts';
import { readImage } from '../../apps/installer/medium.ts';
import { planInstall } from '../../apps/installer/plan.ts';
import { findSignatures } from '../../apps/installer/signatures.ts';
import { sliceDevice } from '../../build/disk/block-device.ts';
import { readGpt } from '../../build/disk/gpt.ts';
import { partitionOf } from '../../build/disk/layout.ts';
import { readTrailer } from '../../build/disk/slot-trailer.ts';
import { counting, disk, GIB, machineWith } from '../unit/apps/installer/machines.ts';

const { signal } = new AbortController();
const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };

function run(program: string, ...args: string[]): string {
  return execFileSync(program, args, { encoding: 'utf8', env });
}

/** A disk of the kernel's, with sectors of so many bytes; its file takes what is written only. */
function loopDisk(folder: string, sectorSize: number): string {
  const file = join(folder, 'disk.img');
  const opened = openSync(file, 'w');
  ftruncateSync(opened, 12 * GIB);
  closeSync(opened);
  return run('losetup', '--show', '-f', '--sector-size', String(sectorSize), file).trim();
}

test.each([512, 4096])(
  'a disk of the kernel’s with sectors of %i bytes is installed on: its file systems are sound, and hold the configuration and the report',
  async (sectorSize) => {
    const folder = mkdtempSync(join(tmpdir(), 'quantix-install-'));
    const path = loopDisk(folder, sectorSize);
    try {
      await expectInstallation(path, { folder, sectorSize });
    } finally {
      run('losetup', '-d', path);
      rmSync(folder, { recursive: true });
    }
  },
);

async function expectInstallation(
  path: string,
  { folder, sectorSize }: { folder: string; sectorSize: number },
): Promise<void> {
  const image = join(folder, 'image.iso');
  const imageBytes = 5 * 1024 ** 2 + 2048;
  writeFileSync(image, Buffer.alloc(imageBytes, 'what is installed '));
  run('mkfs.ext4', '-q', '-F', path, '1G');
  const look = async (): Promise<DiskFacts> => {
    await using device = await openBlockDevice(path);
    const table = await readGpt(device);
    const partitions = table?.partitions ?? [];
    const contents = await findSignatures(device, partitions);
    return disk({
      path,
      sectorSize,
      bytes: device.bytes,
      guid: table?.guid ?? null,
      partitions,
      contents,
    });
  };
  const readMachine = async () => {
    const machine = machineWith([await look()], { hasBios: false });
    machine.image.bytes = imageBytes;
    return machine;
  };
  const machinery: Machinery = {
    readMachine,
    release: () => Promise.reject(new Error('nothing is made of it')),
    claim: (of) => openBlockDevice(of, { write: true }),
    readImage: () => readImage(image, imageBytes, signal),
    readBootFiles: async () => ({
      efi: new Map([['/EFI/BOOT/BOOTX64.EFI', Buffer.alloc(9000, 1)]]),
    }),
    makeFileSystem: (of, partition) => makeExt4(of.path, partition, signal),
    putFiles: (of, partition, files) => putFiles(of.path, partition, files, signal),
  };
  const answer = { ...answerFor({ path, pick: 'one' }), erase: 'S45PNA0M500001' };
  const planned = planInstall(await readMachine(), answer, counting());
  if ('reasons' in planned) throw new Error(planned.reasons.join());
  const { plan } = planned;
  expect(plan.destroys).toEqual(['ext']);
  const { product, version } = (await readMachine()).image;
  const sha256 = await install({
    plan,
    machinery,
    trailer: {
      product,
      version,
      base: 'debian',
      architecture: 'x86_64',
      buildId: 'abc',
      imageBytes,
    },
    files: new Map([['ssh/authorized_keys', Buffer.from('a key\n')]]),
    epoch: 0,
    onProgress: () => undefined,
    signal,
  });
  const configuration = partitionOf(plan.layout, 'configuration');
  await putFiles(path, configuration, new Map([['install.json', Buffer.from('{}\n')]]), signal);

  await using device = await openBlockDevice(path);
  expect((await readGpt(device))?.bothCopies).toBe(true);
  const slot = partitionOf(plan.layout, 'a');
  const trailer = await readTrailer(sliceDevice(device, slot.offset, slot.bytes));
  expect(trailer?.sha256).toBe(sha256);
  for (const role of ['configuration', 'data'] as const) {
    const { offset, name } = partitionOf(plan.layout, role);
    const loop = run('losetup', '--show', '-f', '-r', '-o', String(offset), path).trim();
    try {
      run('e2fsck', '-fn', loop);
      expect(run('e2label', loop).trim()).toBe(name);
      if (role === 'data') continue;
      expect(run('debugfs', '-R', 'cat /ssh/authorized_keys', loop)).toBe('a key\n');
      expect(run('debugfs', '-R', 'stat /install.json', loop)).toMatch(/Mode: +0600/);
    } finally {
      run('losetup', '-d', loop);
    }
  }
}
