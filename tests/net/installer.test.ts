import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openBlockDevice } from '../../apps/disk/open-block-device.ts';
import { putFiles } from '../../apps/installer/file-systems.ts';
import { sliceDevice } from '../../build/disk/block-device.ts';
import { readGpt } from '../../build/disk/gpt.ts';
import { findPartition } from '../../build/disk/layout.ts';
import { readTrailer } from '../../build/disk/slot-trailer.ts';
import { GIB } from '../unit/apps/installer/machines.ts';
import { loopDisk } from './world/loop-disk.ts';
import { planOnLoop } from './world/loop-installation.ts';

const { signal } = new AbortController();
const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };

function run(program: string, ...args: string[]): string {
  return execFileSync(program, args, { encoding: 'utf8', env });
}

test.each([512, 4096])(
  'an installation on a real block device with %i-byte sectors makes sound file systems with the configuration and the report',
  async (sectorSize) => {
    const folder = mkdtempSync(join(tmpdir(), 'quantix-install-'));
    try {
      using disk = loopDisk(join(folder, 'disk.img'), { bytes: 12 * GIB, sectorSize });
      await expectInstallation(disk.path, folder);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);

async function expectInstallation(path: string, folder: string): Promise<void> {
  const image = join(folder, 'image.iso');
  const imageBytes = 5 * 1024 ** 2 + 2048;
  const content = Buffer.alloc(imageBytes, 'what is installed ');
  writeFileSync(image, content);
  run('mkfs.ext4', '-q', '-F', path, '1G');
  const { plan, carryOut } = await planOnLoop(path, { image, imageBytes });
  expect(plan.destroys).toEqual(['ext']);
  const sha256 = await carryOut();
  const configuration = findPartition(plan.layout, 'configuration');
  await putFiles(path, configuration, new Map([['install.json', Buffer.from('{}\n')]]), signal);

  await using device = await openBlockDevice(path);
  expect((await readGpt(device))?.bothCopies).toBe(true);
  const slot = findPartition(plan.layout, 'a');
  const trailer = await readTrailer(sliceDevice(device, slot.offset, slot.bytes));
  expect(trailer?.sha256).toBe(sha256);
  const whole = await device.read(slot.offset, imageBytes + 2048);
  expect(whole.subarray(0, imageBytes).equals(content)).toBe(true);
  for (const role of ['configuration', 'data'] as const) {
    const { offset, name } = findPartition(plan.layout, role);
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
