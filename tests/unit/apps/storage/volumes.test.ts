import { mkdir, mkdtemp, rename, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, onTestFinished, test } from 'vitest';
import { probePool } from '../../../../apps/storage/probe.ts';
import { type FileFacts, FormatReader } from '../../../../apps/storage/volume-formats.ts';
import { parseFiles, VolumeList } from '../../../../apps/storage/volumes.ts';
import { WriteProbe } from '../../../../apps/storage/write-probe.ts';
import { temporaryFolder } from '../../folder.ts';

const none: ReadonlySet<string> = new Set();

const listVolumes = (folder: string, others = none) => new VolumeList().read({ folder, others });

test('volumes are the files of a folder and images in its subfolders, with their allocated size', async () => {
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
  const volumes = await listVolumes(folder, new Set([join(folder, 'other/pool')]));
  expect(volumes.map(({ name, format, capacity }) => ({ name, format, capacity }))).toEqual([
    { name: 'sparse.raw', format: 'raw', capacity: 1024 ** 3 },
    { name: 'vms/web/disk.img', format: 'raw', capacity: 65536 },
  ]);
  expect(volumes[0]?.allocated).toBeLessThan(1024 * 1024);
  expect(volumes[1]?.path).toBe(join(folder, 'vms/web/disk.img'));
});

test('links to files and folders of another device are not volumes', async () => {
  const folder = await temporaryFolder();
  const elsewhere = await mkdtemp('/dev/shm/volumes-');
  onTestFinished(() => rm(elsewhere, { recursive: true }));
  expect((await stat(elsewhere)).dev).not.toBe((await stat(folder)).dev);
  await writeFile(join(elsewhere, 'other.raw'), '');
  await mkdir(join(folder, 'vms'));
  await symlink(elsewhere, join(folder, 'vms/elsewhere'));
  await symlink(join(elsewhere, 'other.raw'), join(folder, 'vms/other.raw'));
  await writeFile(join(folder, 'vms/own.raw'), '');
  expect((await listVolumes(folder)).map(({ name }) => name)).toEqual(['vms/own.raw']);
});

test('files that appear or vanish during the listing do not cause an error', async () => {
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
    const names = (await listVolumes(folder)).map(({ name }) => name);
    expect(names).toContain('stays.raw');
  }
  isOver = true;
  await busy;
});

test('a missing folder is an error', async () => {
  await expect(listVolumes('/nonexistent')).rejects.toMatchObject({ code: 'ENOENT' });
});

test('a write test leaves no file, also after an interrupted one', async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, '.quantix-probe'), 'half');
  await probePool(folder);
  expect((await execa('ls', ['-A', folder])).stdout).toBe('');
});

test('a write test does not write through a link', async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'victim'), 'precious');
  await symlink('victim', join(folder, '.quantix-probe'));
  await probePool(folder);
  expect((await execa('ls', ['-A', folder])).stdout).toBe('victim');
  expect((await execa('cat', [join(folder, 'victim')])).stdout).toBe('precious');
});

test('an error of a write test is reported', async () => {
  await expect(probePool('/nonexistent')).rejects.toMatchObject({ code: 'ENOENT' });
  await expect(probePool('/proc')).rejects.toThrow();
});

test('a write test is made for a new pool, after an error and each hour, and not at each read', async () => {
  const folder = await temporaryFolder();
  const write = new WriteProbe();
  const goneFor = async (now: number) => await write.look('/nonexistent', now, {});
  expect(await write.look(folder, 0, {})).toBeNull();
  for (let now = 30_000; now < 3_600_000; now += 30_000) expect(await goneFor(now)).toBeNull();
  const failed = { code: 'ENOENT' };
  expect(await goneFor(3_600_000)).toMatchObject(failed);
  expect(await goneFor(3_630_000)).toMatchObject(failed);
  expect(await write.look(folder, 3_660_000, {})).toBeNull();
  expect(await goneFor(3_690_000)).toBeNull();
  write.doubt();
  expect(await goneFor(3_720_000)).toMatchObject(failed);
});

test('the format of a file is read once, and again only after a change', async () => {
  const folder = await temporaryFolder();
  const file = join(folder, 'a.img');
  const isIso = (is: boolean) => {
    const image = Buffer.alloc(65536);
    if (is) image.write('CD001', 32 * 1024 + 1);
    return image;
  };
  await writeFile(file, isIso(true));
  const facts = { path: file, size: 65536, allocated: 65536, modified: 7, changed: 7 };
  const reader = new FormatReader();
  const format = async (one: FileFacts) => (await reader.read(folder, [one]))[0]?.format;
  expect(await format(facts)).toBe('iso');
  await writeFile(file, isIso(false));
  expect(await format(facts)).toBe('iso');
  expect(await format({ ...facts, changed: 8 })).toBe('raw');
  await writeFile(file, isIso(true));
  expect(await format({ ...facts, changed: 8, allocated: 0 })).toBe('iso');
});

test('the format of a file that just changed is read again, because it may change within the same second', async () => {
  const folder = await temporaryFolder();
  const list = new VolumeList();
  const format = async () => (await list.read({ folder, others: none }))[0]?.format;
  const image = Buffer.alloc(65536);
  await writeFile(join(folder, 'a.img'), image);
  expect(await format()).toBe('raw');
  image.write('CD001', 32 * 1024 + 1);
  await writeFile(join(folder, 'a.img'), image);
  expect(await format()).toBe('iso');
});

const TOKEN = '0b1c';

test.each([
  ['nothing', '', []],
  ['a name with a line feed', `${TOKEN} 1 8 5 5 /p/a\nb.raw\n`, []],
  ['a name that looks like a record', `${TOKEN} 1 8 5 5 /p/a\n9 8 5 5 /p/forged.raw\n`, []],
  ['a file that is elsewhere', `${TOKEN} 1 8 5 5 /q/a.raw\n${TOKEN} 1 8 5 5 /p/b\n`, ['/p/b']],
  ['invalid numbers', `${TOKEN} -1 8 5 5 /p/a\n${TOKEN} x\n${TOKEN}`, []],
  ['fractions of seconds', `${TOKEN} 1 8 5.123 5.4 /p/a b\n`, ['/p/a b']],
])('a list of files with %s', (_, text, paths) => {
  expect(parseFiles(text, { folder: '/p', token: TOKEN }).map(({ path }) => path)).toEqual(paths);
});
