import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { cacheRooms } from '../../../build/cache/directory.ts';
import { prepareImage } from '../../../build/image/prepare.ts';
import { ENROLMENT_FILES } from '../../../build/secure-boot/enrolment.ts';
import { buildIso } from '../../../tasks/iso.ts';
import { hasDocuments, listDocuments } from '../../../tasks/summary.ts';
import { temporaryFolder } from '../folder.ts';
import { PROJECT } from '../profile/profiles.ts';
import { newOwner } from '../secure-boot/owners.ts';

const SUM = 'a'.repeat(64);

/** Creates an ISO with all files that belong to it. */
async function isoWithDocuments(): Promise<string> {
  const folder = join(await temporaryFolder(), 'dist');
  await mkdir(folder);
  const file = join(folder, 'x.iso');
  for (const document of [file, ...listDocuments(file)]) await writeFile(document, '');
  await writeFile(join(folder, 'SHA256SUMS'), `${SUM}  x.iso\n`);
  return file;
}

test('an ISO is up to date only with its checksum, manifest and bill of materials', async () => {
  const file = await isoWithDocuments();
  expect(await hasDocuments({ file, facts: {} }, SUM)).toBe(true);
  expect(await hasDocuments({ file, facts: {} }, 'b'.repeat(64))).toBe(false);
});

test('an ISO with an owner’s key is up to date only if all files that enrol this key exist', async () => {
  const { owner } = await newOwner();
  const image = { file: await isoWithDocuments(), facts: { owner } };
  expect(await hasDocuments(image, SUM)).toBe(false);
  for (const name of ENROLMENT_FILES) await writeFile(`${image.file}.${name}`, '');
  expect(await hasDocuments(image, SUM)).toBe(true);
  await rm(`${image.file}.PK.auth`);
  expect(await hasDocuments(image, SUM)).toBe(false);
});

test.each(['SHA256SUMS', 'x.iso.manifest.json', 'x.iso.cdx.json', 'x.iso.spdx.json'])(
  'an ISO whose %s was deleted is not up to date',
  async (name) => {
    const file = await isoWithDocuments();
    await rm(join(file, '..', name));
    expect(await hasDocuments({ file, facts: {} }, SUM)).toBe(false);
  },
);

test('a malformed list of checksums is an error before anything is built', async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'SHA256SUMS'), 'no checksum\n');
  const said: string[] = [];
  const say = (line: string) => said.push(line);
  const image = await prepareImage('qvdc', {
    ...{ projectDirectory: PROJECT, outputDirectory: folder, cache: cacheRooms(folder) },
    ...{ base: 'debian', architecture: 'x86_64', release: false, offline: true },
    ...{ withoutTools: true, say },
  });
  const emit = ({ event }: { event: string }) => said.push(event);
  const building = buildIso(image, { json: true, interactive: false, say, emit });
  await expect(building).rejects.toThrow(`SHA-256 in hex>  <file name>" (${folder}/SHA256SUMS)`);
  expect(said).toEqual([]);
});
