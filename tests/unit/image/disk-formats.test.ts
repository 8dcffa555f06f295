import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { type DiskFormatsRequest, writeDiskFormats } from '../../../build/image/disk-formats.ts';
import type { ReleaseFormatName } from '../../../build/image/release-formats.ts';
import { run } from '../../../build/process/run.ts';
import { DISK_BYTES, sparseDisk } from './disks.ts';

const NAMES = ['raw.zst', 'qcow2', 'vmdk', 'ova'] as const;

async function request(names: readonly ReleaseFormatName[]): Promise<DiskFormatsRequest> {
  const disk = await sparseDisk();
  const paths = names.map((name) => [name, join(dirname(disk.file), `made.${name}`)]);
  return {
    ...{ disk, paths: Object.fromEntries(paths), identity: 'build', epoch: 1_700_000_000 },
    machine: {
      ...{ name: 'qvdc-0.1.0', title: 'QvDC', version: '0.1.0', processors: 2, memory: 2048 },
      ...{ diskBytes: DISK_BYTES, guest: 'other3xLinux64Guest', secureBoot: true },
    },
  };
}

async function digest(file: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(file))
    .digest('hex');
}

test("one disk in all formats: each has the disk's content and the reported digest, and the OVA contains the VMDK", async () => {
  const asked = await request(NAMES);
  const told = await writeDiskFormats(asked);
  const folder = dirname(asked.disk.file);
  for (const name of NAMES) expect(told[name]).toBe(await digest(join(folder, `made.${name}`)));
  for (const name of ['qcow2', 'vmdk']) {
    const compared = [
      'compare',
      '-f',
      'raw',
      '-F',
      name,
      asked.disk.file,
      join(folder, `made.${name}`),
    ];
    expect(await run('qemu-img', compared)).toContain('Images are identical');
  }
  await execa('tar', ['-xf', 'made.ova', 'qvdc-0.1.0-disk1.vmdk'], { cwd: folder });
  expect(await digest(join(folder, 'qvdc-0.1.0-disk1.vmdk'))).toBe(told.vmdk);
});

test.each(['raw.zst', 'vmdk', 'ova'] as const)(
  '%s alone is the same as with other formats, and no other file is left',
  async (name) => {
    const asked = await request(['raw.zst', 'vmdk', 'ova']);
    const all = await writeDiskFormats(asked);
    const alone = join(dirname(asked.disk.file), 'alone');
    await mkdir(alone);
    const paths = { [name]: join(alone, name) };
    expect(await writeDiskFormats({ ...asked, paths })).toEqual({ [name]: all[name] });
    expect(await readdir(alone)).toEqual([name]);
  },
);

test('a failure leaves no file', async () => {
  const asked = await request(NAMES);
  const disk = { ...asked.disk, bytes: asked.disk.bytes * 2, grains: [DISK_BYTES / 65536] };
  await expect(writeDiskFormats({ ...asked, disk })).rejects.toThrow('ends at byte');
  expect(await readdir(dirname(asked.disk.file))).toEqual(['disk.raw']);
});
