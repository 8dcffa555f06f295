import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openReleaseFolder } from '../../../build/image/release-folder.ts';
import { formatReleaseFiles } from '../../../build/release/release-files.ts';
import { temporaryFolder } from '../folder.ts';

const RELEASE = {
  version: '1.2.3',
  planned: [
    'qvdc-1.2.3-debian-x86_64.iso',
    'qvdc-1.2.3-debian-x86_64.iso.intoto.json',
    'qvdc-1.2.3-debian-x86_64.ova',
  ],
  profiles: ['quantix-os', 'qvdc'],
};

async function folderWith(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await temporaryFolder();
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return folder;
}

function listOf(version: string): string {
  const [path, sha256] = ['qvdc-1.2.3-debian-x86_64.iso', 'a'.repeat(64)];
  return formatReleaseFiles({ version, files: [{ path, size: 1, sha256, kind: 'iso' }] });
}

test('a folder that does not exist yet is accepted', async () => {
  await openReleaseFolder(join(await temporaryFolder(), 'dist/1.2.3'), RELEASE);
});

test('images and files of others stay; list, signatures, licences and charts are removed until they are made again', async () => {
  const folder = await folderWith({
    'qvdc-1.2.3-debian-x86_64.iso': 'as it was',
    'release.json': listOf('1.2.3'),
    'release.dsse.json': 'signed',
    'SHA256SUMS.minisig': 'signed',
    'SHA256SUMS.sig': 'signed',
    'qvdc-1.2.3-debian-x86_64.iso.intoto.jsonl': 'signed',
    'qvdc-1.2.3-debian-x86_64.iso.licenses.txt': 'of the image as it was',
    'qvdc-1.2.3-debian-x86_64.iso.packages.svg': 'of the image as it was',
    'qvdc-1.2.3-debian-x86_64.iso.boot.json': 'of the image as it was',
    '.qvdc-1.2.3-debian-x86_64.iso.17-0123456789ab.tmp': 'of a build that was killed',
    notes: 'mine',
  });
  await openReleaseFolder(folder, RELEASE);
  expect((await readdir(folder)).sort()).toEqual([
    '.qvdc-1.2.3-debian-x86_64.iso.17-0123456789ab.tmp',
    'notes',
    'qvdc-1.2.3-debian-x86_64.iso',
  ]);
});

test.each([
  ['another version', 'qvdc-1.2.2-debian-x86_64.iso'],
  ['a format that is not asked for', 'qvdc-1.2.3-debian-x86_64.qcow2'],
  ['another product', 'quantix-os-1.2.3-debian-x86_64.iso'],
])('a folder with an image of %s is refused, and left unchanged', async (_, name) => {
  const folder = await folderWith({ [name]: '', 'release.json': listOf('1.2.3') });
  await expect(openReleaseFolder(folder, RELEASE)).rejects.toThrow(
    `the folder has files that do not belong to this release: ${name} (${folder}). Remove what is there`,
  );
  expect((await readdir(folder)).sort()).toEqual([name, 'release.json'].sort());
});

test('a folder whose list belongs to another version, or is malformed, is refused', async () => {
  const other = await folderWith({ 'release.json': listOf('1.2.2') });
  await expect(openReleaseFolder(other, RELEASE)).rejects.toThrow('holds release 1.2.2, not');
  const broken = await folderWith({ 'release.json': '{' });
  await expect(openReleaseFolder(broken, RELEASE)).rejects.toThrow('it is not JSON');
});
