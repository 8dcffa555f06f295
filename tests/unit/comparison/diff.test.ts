import { copyFile, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { beforeAll, expect, test } from 'vitest';
import { tarMember } from '../../../build/image/tar-member.ts';
import { run } from '../../../build/process/run.ts';
import { sha256 } from '../../../build/step/digest.ts';
import { main } from '../../../tasks/command-line.ts';
import { temporaryFolder } from '../folder.ts';
import { locked, sampleLock } from '../lock/locks.ts';
import { captureOutput } from '../tasks/captured-output.ts';
import { file, program, symlink } from '../tree/trees.ts';
import { installed, rootfs, tarOf, writeSmallDisk, writeSmallIso } from './images.ts';

const output = captureOutput();

/** Two ISOs, made once. */
let [before, after] = ['', ''];
beforeAll(async () => {
  const folders = [1, 2].map(() => mkdtemp(join(tmpdir(), 'quantix-diff-')));
  const [first = '', second = ''] = await Promise.all(folders);
  before = await writeSmallIso(first, { system: rootfs('1'), build: 'aaaa', module: 'loop' });
  after = await writeSmallIso(second, { system: newer(), build: 'bbbb', module: 'loop zram' });
  return async () => {
    for (const folder of [first, second]) await rm(folder, { recursive: true });
  };
});

function newer() {
  const ping = {
    ...program('usr/bin/ping', 'ping'),
    attributes: { 'security.capability': '0100000200200000000000000000000000000000' },
  };
  const service = symlink('etc/runlevels/boot/chronyd', '/etc/init.d/chronyd');
  return rootfs('2', ping, service, file('etc/motd', 'welcome', { mode: 0o600, uid: 7 }));
}

const diff = (...words: string[]) => main(['diff', ...words]);
const events = () =>
  output.printed
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

test('an image equals itself, with exit code 0', async () => {
  expect(await diff(before, before)).toBe(0);
  expect(output.printed).toContain('They are the same.\n');
});

test('differences in settings, sizes and files of two ISOs are reported, with exit code 1', async () => {
  expect(await diff(before, after)).toBe(1);
  for (const line of [
    'its packages are unknown: there is no database of them in it, and no manifest beside it',
    '  build id: aaaa → bbbb',
    '  initramfs MODULES: loop → loop zram',
    '  os-release VERSION_ID: 1 → 2',
    '  + service chronyd in boot: started',
    '  + rootfs /etc/motd',
    '  rootfs /etc/os-release: content',
    '  + rootfs /usr/bin/ping',
    '  initramfs /etc/initramfs: size 15 → 20, content',
    '  - medium /quantix/build-aaaa',
    '  + medium /quantix/build-bbbb',
  ]) {
    expect(output.printed).toContain(`${line}\n`);
  }
  expect(output.printed).toMatch(/ {2}rootfs \/usr\/bin +500 kB +500 kB +\+4 B\n/);
  // Equal files are not listed.
  for (const same of ['kernel parameters', 'esp', 'vmlinuz', 'hostname', 'sshd', 'alias']) {
    expect(output.printed).not.toContain(same);
  }
});

test('for a changed file the changed properties are named, with names of capabilities', async () => {
  const folder = await temporaryFolder();
  const [old, fresh] = [join(folder, 'a.tar'), join(folder, 'b.tar.zst')];
  await writeFile(old, tarOf(rootfs('1', program('usr/bin/ping', 'ping'), file('x', 'x'))));
  const [ping] = newer().filter(({ path }) => path === 'usr/bin/ping');
  const other = [ping ?? program('never', ''), symlink('x', 'y')];
  await writeFile(fresh, zstdCompressSync(tarOf(rootfs('1', ...other))));
  expect(await diff(old, fresh, '--json')).toBe(1);
  const files = events().filter((event) => event.of === 'file');
  expect(files).toMatchObject([
    {
      ...{ event: 'difference', part: 'rootfs', path: 'usr/bin/ping', change: 'changed' },
      aspects: [
        { aspect: 'security.capability', before: '', after: 'net_raw (permitted, effective)' },
      ],
    },
    { path: 'x', aspects: [{ aspect: 'type' }, { aspect: 'mode' }, {}, {}, { after: 'y' }] },
  ]);
  expect(files[1].aspects[3]).toEqual({ aspect: 'sha256', before: sha256('x'), after: '' });
});

test('modules of two kernel versions are matched by their names', async () => {
  const folder = await temporaryFolder();
  const [old, fresh] = [join(folder, 'a.tar'), join(folder, 'b.tar')];
  const modules = (release: string, ...names: string[]) =>
    tarOf(names.map((name) => file(`lib/modules/${release}/${name}.ko`, name.slice(0, 4))));
  await writeFile(old, modules('6.12.1', 'zram', 'loop-old', 'nvme'));
  await writeFile(fresh, modules('6.12.2', 'zram', 'ext4', 'nvme'));
  expect(await diff(old, fresh)).toBe(1);
  expect(output.printed).toContain('  kernel release: 6.12.1 → 6.12.2\n');
  expect(output.printed.split('Files:\n')[1]).toBe(
    '  + rootfs /lib/modules/6.12.2/ext4.ko\n  - rootfs /lib/modules/6.12.2/loop-old.ko\n',
  );
});

test('a root filesystem equals itself as a tar, as a compressed tar and in an ISO', async () => {
  const folder = await temporaryFolder();
  const tar = join(folder, 'a-rootfs.tar');
  await writeFile(tar, tarOf(rootfs('1')));
  await writeFile(`${tar}.gz`, gzipSync(await readFile(tar)));
  expect(await diff(tar, `${tar}.gz`)).toBe(0);
  output.printed = '';
  expect(await diff(tar, before)).toBe(0);
});

test('an installed disk, raw or qcow2, equals the ISO that it contains', async () => {
  const folder = await temporaryFolder();
  const raw = await writeSmallDisk(folder, after);
  const qcow2 = join(folder, 'disk.qcow2');
  await run('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', raw, qcow2]);
  expect(await diff(raw, qcow2)).toBe(0);
  expect(output.printed).toContain(`${raw}: slot a, qvdc 0.1.0\n`);
  expect(await diff(after, raw)).toBe(0);
  expect(await diff(before, raw)).toBe(1);
});

test('other formats of an image are refused, and the error names the files to compare instead', async () => {
  const folder = await temporaryFolder();
  const forms = {
    'an OVA': tarMember('qvdc-0.1.0.ovf', Buffer.from('<Envelope/>'), 0),
    'a set of files to boot from a network': tarMember('boot.ipxe', Buffer.from('#!ipxe'), 0),
    'an OCI image': tarMember(`blobs/sha256/${'a'.repeat(64)}`, Buffer.alloc(9000), 0),
    'a compressed disk': zstdCompressSync(await readFile(await writeSmallDisk(folder, after))),
  };
  for (const [name, bytes] of Object.entries(forms)) {
    const path = join(folder, 'form');
    await writeFile(path, bytes);
    expect(await diff(path, before), name).toBe(2);
    expect(output.complained).toContain(
      `this is ${name}, and its content cannot be compared (${path}). Compare the ISO, the qcow2 or the tar`,
    );
  }
});

test('packages are read from the database in an image, or from its own manifest', async () => {
  const folder = await temporaryFolder();
  const [old, fresh] = [join(folder, 'a.tar'), join(folder, 'b.tar')];
  const database = (...packages: Parameters<typeof installed>) =>
    file('lib/apk/db/installed', installed(...packages));
  await writeFile(old, tarOf([database(['musl', '1.2'], ['gone', '1'])]));
  await writeFile(fresh, tarOf([database(['musl', '1.3'], ['zstd', '1.5'])]));
  expect(await diff(old, fresh)).toBe(1);
  expect(output.printed).toContain('Packages:\n  musl 1.2 → 1.3\n  + zstd 1.5\n  - gone 1\n');
  output.printed = '';
  const iso = join(folder, 'x.iso');
  await copyFile(before, iso);
  const manifest = {
    iso: { sha256: sha256(await readFile(iso)) },
    inputs: { packages: [{ name: 'musl', version: '1.4', sha256: 'a'.repeat(64) }] },
  };
  await writeFile(`${iso}.manifest.json`, JSON.stringify(manifest));
  expect(await diff(old, iso)).toBe(1);
  expect(output.printed).toContain('Packages:\n  musl 1.2 → 1.4\n  - gone 1\n');
  output.printed = '';
  manifest.iso.sha256 = 'b'.repeat(64);
  await writeFile(`${iso}.manifest.json`, JSON.stringify(manifest));
  await diff(old, iso);
  expect(output.printed).toContain(`${iso}.manifest.json is the manifest of another image\n`);
});

test('two locks are compared by their packages and requests', async () => {
  const folder = await temporaryFolder();
  const [old, fresh] = [join(folder, 'a.lock.json'), join(folder, 'b.lock.json')];
  const lock = sampleLock();
  await writeFile(old, JSON.stringify(lock));
  const request = { ...lock.request, suite: 'trixie' };
  const packages = [...lock.packages, locked('zstd-new')];
  await writeFile(fresh, JSON.stringify({ ...lock, request, packages }));
  expect(await diff(old, fresh)).toBe(1);
  expect(output.printed).toContain('  + zstd-new 1.0\n');
  expect(output.printed).toMatch(/ {2}suite: \w+ → trixie\n/);
  output.printed = '';
  expect(await diff(old, fresh, '--markdown')).toBe(1);
  expect(output.printed).toContain(
    '<summary>Packages: 1</summary>\n\n| Package | Before | After |\n',
  );
  expect(output.printed).toContain('| zstd-new |  | 1.0 |\n');
});

test('names with markup or control characters are escaped, for a terminal and in Markdown', async () => {
  const folder = await temporaryFolder();
  const [old, fresh] = [join(folder, 'a.tar'), join(folder, 'b.tar')];
  await writeFile(old, tarOf([file('a')]));
  const hostile = ['\u001b[2J', 'a|b', '<img src=x>', '`x`', '[l](http:x)', '@team', '\u202Eb\na'];
  await writeFile(fresh, tarOf([file('a'), ...hostile.map((name) => file(name))]));
  expect(await diff(old, fresh)).toBe(1);
  expect(output.printed).toContain('+ rootfs /\\u{1b}[2J\n');
  expect(output.printed).toContain('+ rootfs /\\u{202e}b\\u{a}a\n');
  output.printed = '';
  await diff(old, fresh, '--markdown');
  const cells = output.printed.split('\n').filter((line) => line.startsWith('| rootfs | /'));
  expect(cells).toHaveLength(hostile.length);
  for (const line of cells) {
    expect(line.split('|')).toHaveLength(5);
    expect(line).not.toMatch(/[<>`[\]@\p{Cc}]/u);
  }
});

test.each<[string, (folder: string) => Promise<string>, string]>([
  ['nothing', async (folder) => join(folder, 'x'), 'there is no such file'],
  ['a folder', async (folder) => folder, 'this is not a file'],
  ['text', async (folder) => write(folder, 'hello'), 'this is neither an image nor a lock'],
  ['other JSON', async (folder) => write(folder, '{}'), 'lock is wrong'],
  [
    'half a gzip',
    async (f) => write(f, gzipSync('x'.repeat(99)).subarray(0, 20)),
    'does not decompress',
  ],
  [
    'half a tar',
    async (f) => write(f, tarOf(rootfs('1')).subarray(0, 9000)),
    'ends within an entry',
  ],
  ['half an ISO', half, 'the image cannot be read: '],
  ['half a squashfs', async (f) => write(f, 'hsqs'), 'the image cannot be read: it ends too early'],
])('%s cannot be compared, with exit code 2', async (_what, make, words) => {
  const folder = await temporaryFolder();
  expect(await diff(before, await make(folder))).toBe(2);
  expect(output.complained).toContain(words);
  expect(output.complained).toMatch(/^qx-build: .*\n$/);
});

async function write(folder: string, bytes: string | Uint8Array): Promise<string> {
  const path = join(folder, 'x');
  await writeFile(path, bytes);
  return path;
}

async function half(folder: string): Promise<string> {
  const path = join(folder, 'x');
  await copyFile(before, path);
  await truncate(path, 70_000);
  return path;
}

test('a lock and an image without packages have nothing in common to compare', async () => {
  const lock = await write(await temporaryFolder(), JSON.stringify(sampleLock()));
  expect(await diff(lock, before)).toBe(2);
  expect(output.complained).toContain('have nothing in common that can be compared');
});
