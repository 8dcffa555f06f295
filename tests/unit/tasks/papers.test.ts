import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { hasPapers, paperFiles } from '../../../tasks/summary.ts';
import { temporaryFolder } from '../folder.ts';

const SUM = 'a'.repeat(64);

/** An ISO with everything that goes with it. */
async function isoWithPapers(): Promise<string> {
  const folder = join(await temporaryFolder(), 'dist');
  await mkdir(folder);
  const file = join(folder, 'x.iso');
  for (const paper of [file, ...paperFiles(file)]) await writeFile(paper, '');
  await writeFile(join(folder, 'SHA256SUMS'), `${SUM}  x.iso\n`);
  return file;
}

test('an ISO is up to date only with its checksum, manifest and bill of materials', async () => {
  const file = await isoWithPapers();
  expect(await hasPapers(file, SUM)).toBe(true);
  expect(await hasPapers(file, 'b'.repeat(64))).toBe(false);
});

test.each(['SHA256SUMS', 'x.iso.manifest.json', 'x.iso.cdx.json'])(
  'an ISO whose %s was deleted gets it again',
  async (name) => {
    const file = await isoWithPapers();
    await rm(join(file, '..', name));
    expect(await hasPapers(file, SUM)).toBe(false);
  },
);
