import { createHash } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { checkMedium } from '../../../../apps/installer/check-medium.ts';
import { PATHS } from '../../../../apps/installer/medium.ts';
import { formatMediumFiles, parseMediumFiles } from '../../../../build/disk/medium-files.ts';
import { temporaryFolder } from '../../folder.ts';

const FILES = {
  '/boot/vmlinuz': 'a kernel',
  '/boot/initramfs': 'an initramfs',
  '/quantix/disk/BOOTX64.EFI': 'a loader',
  '/quantix/system.squashfs': 'a root filesystem '.repeat(200_000),
};
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const HASHES = new Map(Object.entries(FILES).map(([path, text]) => [path, sha256(text)]));

const { signal } = new AbortController();
let medium = '';

async function put(path: string, text: string): Promise<void> {
  await mkdir(dirname(join(medium, path)), { recursive: true });
  await writeFile(join(medium, path), text);
}

beforeEach(async () => {
  medium = await temporaryFolder();
  for (const [path, text] of Object.entries(FILES)) await put(path, text);
  await put(PATHS.list, formatMediumFiles(HASHES));
});

test('a medium with unchanged files is accepted', async () => {
  await expect(checkMedium(medium, signal)).resolves.toBeUndefined();
});

test('all damaged and missing files are named', async () => {
  await put('/boot/vmlinuz', 'a kernfl');
  await rm(join(medium, 'quantix/disk/BOOTX64.EFI'));
  await expect(checkMedium(medium, signal)).rejects.toThrow(
    /^the medium is damaged: \/boot\/vmlinuz differs from what was built; \/quantix\/disk\/BOOTX64\.EFI cannot be read: .*Nothing was written/,
  );
});

test('a root filesystem with one wrong bit is named, and progress is reported', async () => {
  const text = FILES['/quantix/system.squashfs'];
  const told: number[] = [];
  const check = () =>
    checkMedium(medium, signal, (done, total) => void told.push(Math.round((100 * done) / total)));
  await check();
  expect(told.at(-1)).toBe(100);
  expect(told.length).toBeGreaterThan(4);
  await put('/quantix/system.squashfs', `${text.slice(0, 3_000_000)}!${text.slice(3_000_001)}`);
  await expect(check()).rejects.toThrow(
    /the medium is damaged: \/quantix\/system\.squashfs differs from what was built .*Nothing was written/,
  );
});

test('a check that is cancelled ends', async () => {
  const giveUp = new AbortController();
  await expect(checkMedium(medium, giveUp.signal, () => giveUp.abort())).rejects.toThrow(/abort/);
});

test('a medium without its list is damaged', async () => {
  await rm(join(medium, PATHS.list));
  await expect(checkMedium(medium, signal)).rejects.toThrow(/SHA256SUMS cannot be read/);
});

test('the list has the format of sha256sum(1), sorted', () => {
  expect(formatMediumFiles(HASHES)).toBe(
    `${sha256('an initramfs')}  boot/initramfs\n${sha256('a kernel')}  boot/vmlinuz\n${sha256('a loader')}  quantix/disk/BOOTX64.EFI\n${sha256(FILES['/quantix/system.squashfs'])}  quantix/system.squashfs\n`,
  );
  expect(parseMediumFiles(formatMediumFiles(HASHES), PATHS.list)).toEqual(
    new Map([...HASHES].toSorted(([one], [other]) => (one < other ? -1 : 1))),
  );
});

const GOOD = `${sha256('a kernel')}  boot/vmlinuz\n`;
test.each([
  ['nothing', ''],
  ['a line that is cut off', GOOD.slice(0, -1)],
  ['a line that is cut off further', `${GOOD}${GOOD.slice(0, 70)}`],
  ['a path twice', `${GOOD}${GOOD}`],
  ['a path that leads elsewhere', GOOD.replace('boot/', '../')],
  ['a path from the root', GOOD.replace('boot/', '/boot/')],
  ['a hidden path', GOOD.replace('boot/', '.boot/')],
  ['an invalid hash', GOOD.replace(/^./, 'g')],
  ['zeros', '\0'.repeat(4096)],
])('a list with %s is damaged', (_what, text) => {
  expect(() => parseMediumFiles(text, PATHS.list)).toThrow(
    /the list of the medium's files is damaged/,
  );
});

test.each(['boot/vmlinuz', '/boot/../x', '/a b', '/'])('%j cannot be listed', (path) => {
  expect(() => formatMediumFiles(new Map([[path, sha256('')]]))).toThrow('cannot be listed');
});
