import { mkdir, rename, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { probe } from '../../../../apps/storage/probe.ts';
import { listVolumes } from '../../../../apps/storage/volumes.ts';
import { temporaryFolder } from '../../folder.ts';

const none: ReadonlySet<string> = new Set();

test('volumes are the files of a folder and the images below; allocated is what they take up', async () => {
  const folder = await temporaryFolder();
  await mkdir(join(folder, 'vms/web'), { recursive: true });
  await mkdir(join(folder, 'other/pool'), { recursive: true });
  await writeFile(join(folder, 'sparse.raw'), 'x');
  await truncate(join(folder, 'sparse.raw'), 1024 ** 3);
  await writeFile(join(folder, 'vms/web/disk.img'), Buffer.alloc(65536, 1));
  await writeFile(join(folder, 'vms/web/domain.xml'), '<domain/>');
  await writeFile(join(folder, 'other/pool/of-another.raw'), '');
  await writeFile(join(folder, '.hidden.raw'), '');
  await symlink('/etc/passwd', join(folder, 'link.raw'));
  await execa('mkfifo', [join(folder, 'pipe.raw')]);
  const volumes = await listVolumes({ folder, others: new Set([join(folder, 'other/pool')]) });
  expect(volumes.map(({ name, format, capacity }) => ({ name, format, capacity }))).toEqual([
    { name: 'sparse.raw', format: 'raw', capacity: 1024 ** 3 },
    { name: 'vms/web/disk.img', format: 'raw', capacity: 65536 },
  ]);
  expect(volumes[0]?.allocated).toBeLessThan(1024 * 1024);
  expect(volumes[1]?.path).toBe(join(folder, 'vms/web/disk.img'));
});

test('files that come and go meanwhile are no reason to fail', async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'stays.raw'), '');
  let isOver = false;
  const busy = (async () => {
    for (let index = 0; !isOver; index += 1) {
      await writeFile(join(folder, `a${index % 50}`), '');
      await rename(join(folder, `a${index % 50}`), join(folder, `b${index % 50}`));
    }
  })();
  for (let look = 0; look < 50; look += 1) {
    const names = (await listVolumes({ folder, others: none })).map(({ name }) => name);
    expect(names).toContain('stays.raw');
  }
  isOver = true;
  await busy;
});

test('a folder that is not there is an error', async () => {
  await expect(listVolumes({ folder: '/nonexistent', others: none })).rejects.toThrow('ENOENT');
});

test('trying to write leaves nothing, also after a try that was cut off', async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, '.quantix-probe'), 'half');
  await probe(folder);
  expect((await execa('ls', ['-A', folder])).stdout).toBe('');
});

test('trying to write does not write through a link that someone put there', async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'victim'), 'precious');
  await symlink('victim', join(folder, '.quantix-probe'));
  await expect(probe(folder)).rejects.toThrow('ELOOP');
  expect((await execa('cat', [join(folder, 'victim')])).stdout).toBe('precious');
});
