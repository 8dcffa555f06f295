import {
  appendFile,
  chmod,
  copyFile,
  mkdir,
  open,
  readFile,
  rm,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { computeDigest } from '../../../build/step/digest.ts';
import { ContentReader } from '../../../build/tree/content.ts';
import { listOverlayEntries, readOverlay } from '../../../build/tree/overlay.ts';
import { temporaryFolder } from '../folder.ts';

const PROJECT = resolve(import.meta.dirname, '../../..');

/** A folder with files and folders with the modes that a clone sets. */
async function sample(): Promise<string> {
  const folder = await temporaryFolder();
  await chmod(folder, 0o755);
  await mkdir(join(folder, 'etc/init.d'), { recursive: true });
  await writeFile(join(folder, 'etc/motd'), 'hello\n', { mode: 0o664 });
  await writeFile(join(folder, 'etc/init.d/net'), '#!/bin/sh\n', { mode: 0o775 });
  await symlink('../motd', join(folder, 'etc/link'));
  return folder;
}

test('all entries belong to root, and of the mode only the executable bit is used', async () => {
  const { name, entries } = readOverlay(await sample(), 'common');
  expect(name).toBe('common');
  expect(entries).toMatchObject([
    { path: 'etc', type: 'directory', mode: 0o755 },
    { path: 'etc/init.d', type: 'directory', mode: 0o755 },
    { path: 'etc/init.d/net', type: 'file', mode: 0o755, size: 10 },
    { path: 'etc/link', type: 'symlink', target: '../motd' },
    { path: 'etc/motd', type: 'file', mode: 0o644, size: 6 },
  ]);
  const owners = entries.map(({ uid, gid, origin }) => `${uid}:${gid} ${origin}`);
  expect(new Set(owners)).toEqual(new Set(['0:0 overlay common']));
});

test('entries depend only on content, executable bit and path in the overlay', async () => {
  const folder = await sample();
  const read = () => listOverlayEntries([readOverlay(folder, 'common')]);
  const before = read();
  expect(Object.keys(before)).toContain('common/etc/motd');
  await utimes(join(folder, 'etc/motd'), 1, 1);
  await chmod(join(folder, 'etc/motd'), 0o666);
  expect(read()).toEqual(before);
  await chmod(join(folder, 'etc/motd'), 0o755);
  const executable = read();
  expect(executable['common/etc/motd']).not.toEqual(before['common/etc/motd']);
  await writeFile(join(folder, 'etc/motd'), 'hallo\n');
  expect(read()['common/etc/motd']).not.toEqual(executable['common/etc/motd']);
  expect(read()['common/etc/link']).toEqual(before['common/etc/link']);
});

test('a missing folder is reported with its name', async () => {
  const folder = join(await temporaryFolder(), 'nowhere');
  expect(() => readOverlay(folder, 'nowhere')).toThrow(
    /^there is no overlay "nowhere" \(.*nowhere\)\. Make the folder/,
  );
});

test('an entry that is not a file, link or directory is refused with its path', async () => {
  const folder = await sample();
  await execa('mkfifo', [join(folder, 'etc/pipe')]);
  expect(() => readOverlay(folder, 'common')).toThrow(/files, links and directories only.*pipe/);
});

test('a clone made with umask 077 or 002 gives the same entries', async () => {
  const folder = await sample();
  const { entries } = readOverlay(folder, 'common');
  for (const [mask, more] of [
    [0o077, 'go-rwx'],
    [0o002, 'ug+rw,o-w,a+rX'],
  ] as const) {
    await execa('chmod', ['-R', more, folder]);
    expect(readOverlay(folder, 'common').entries, `umask ${mask.toString(8)}`).toEqual(entries);
  }
});

test.each([
  ['etc/motd', 0o600, '0600'],
  ['etc/motd', 0o640, '0640'],
  ['etc/init.d/net', 0o4755, '4755'],
  ['etc/init.d/net', 0o2755, '2755'],
  ['etc/init.d', 0o1777, '1777'],
])('permissions that an overlay cannot keep are refused: %s with %o', async (path, mode, shown) => {
  const folder = await sample();
  await chmod(join(folder, path), mode);
  const message = `the permissions ${shown} would be lost, for Git does not keep them (${folder}/${path}).`;
  expect(() => readOverlay(folder, 'common')).toThrow(message);
});

test('a folder with an inherited set-gid bit is accepted', async () => {
  const folder = await sample();
  await chmod(join(folder, 'etc/init.d'), 0o2755);
  expect(readOverlay(folder, 'common').entries).toContainEqual(
    expect.objectContaining({ path: 'etc/init.d', mode: 0o755 }),
  );
});

test('a name and a link target that are not UTF-8 are refused in one line', async () => {
  const folder = await sample();
  const odd = Buffer.concat([Buffer.from(`${folder}/etc/gr\u001b`), Buffer.from([0xfc, 0xdf])]);
  await writeFile(odd, '');
  expect(() => readOverlay(folder, 'common')).toThrow(
    `a name in an overlay is not UTF-8 (in Latin-1 "gr?\u00fc\u00df") (${folder}/etc). Rename it`,
  );
  await rm(odd);
  await symlink(Buffer.from([0xff]), join(folder, 'etc/odd'));
  expect(() => readOverlay(folder, 'common')).toThrow('the target of a link is not UTF-8');
});

test('files with CRLF line ends are named, and binary files are not', async () => {
  const folder = await sample();
  await writeFile(join(folder, 'etc/font'), Buffer.from('\0\r\n'));
  expect(readOverlay(folder, 'common').entries).toHaveLength(6);
  await writeFile(join(folder, 'etc/motd'), 'hello\r\n');
  expect(() => readOverlay(folder, 'common')).toThrow(
    /CRLF line ends \(.*etc\/motd\)\..*core\.autocrlf/,
  );
});

/** A file of zeros that use no disk space, with text at its end. */
async function sparse(path: string, size: number, end: string): Promise<void> {
  await using file = await open(path, 'wx');
  await file.write(end, size - end.length);
}

test('a large file is not kept in memory, but read on demand', async () => {
  const folder = await sample();
  const size = 300 * 1024 ** 2;
  await sparse(join(folder, 'disk.img'), size, 'the end');
  const before = process.memoryUsage().arrayBuffers;
  const [entry] = readOverlay(folder, 'common').entries;
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * 1024 ** 2);
  if (entry?.type !== 'file') throw new Error('no file');
  expect(entry).toMatchObject({ path: 'disk.img', mode: 0o644, size });
  using reader = new ContentReader();
  const end = Buffer.alloc(9);
  reader.read(entry, size - 9, end);
  expect(end.toString()).toBe('\0\0the end');
  expect(() => reader.bytes(entry)).toThrow(
    `/disk.img has ${size} bytes, more than a file of its kind has (${folder}/disk.img)`,
  );
});

test('a large file is identified by its content, and not by its folder', async () => {
  const [here, there] = [await sample(), await sample()];
  const digest = (folder: string) => computeDigest(readOverlay(folder, 'common').entries);
  const large = Buffer.alloc(3 * 1024 ** 2, 'text');
  for (const folder of [here, there]) await writeFile(join(folder, 'large'), large);
  const before = digest(here);
  expect(digest(there)).toBe(before);
  await appendFile(join(here, 'large'), 'x');
  expect(digest(here)).not.toBe(before);
});

test('a large file that changes during the build is reported, whether it was open or not', async () => {
  const folder = await sample();
  await sparse(join(folder, 'large'), 3 * 1024 ** 2, 'the end');
  const entry = readOverlay(folder, 'common').entries.find(({ path }) => path === 'large');
  if (entry?.type !== 'file') throw new Error('no file');
  using before = new ContentReader();
  before.read(entry, 0, Buffer.alloc(1));
  await writeFile(join(folder, 'large'), 'The', { flag: 'r+' });
  using after = new ContentReader();
  for (const reader of [before, after]) {
    expect(() => reader.read(entry, 0, Buffer.alloc(1))).toThrow(
      `has changed (${folder}/large). It changed during the build; run it again.`,
    );
  }
});

test('a clone with core.autocrlf keeps the line ends of the overlay', async () => {
  const folder = await temporaryFolder();
  const git = (...args: string[]) =>
    execa('git', ['-C', folder, '-c', 'core.autocrlf=true', ...args]);
  await git('init', '--quiet');
  await copyFile(join(PROJECT, '.gitattributes'), join(folder, '.gitattributes'));
  await writeFile(join(folder, 'init'), '#!/bin/sh\n');
  await git('add', '.');
  await rm(join(folder, 'init'));
  await git('checkout', '--', 'init');
  expect(await readFile(join(folder, 'init'), 'utf8')).toBe('#!/bin/sh\n');
});
