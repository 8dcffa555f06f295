import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { cacheRooms } from '../../../build/cache/directory.ts';
import { prepareImage } from '../../../build/image/prepare.ts';
import { releaseKeyOverlay } from '../../../build/image/release-keys.ts';
import { readTrustedKeys } from '../../../build/release/keys.ts';
import { ContentReader } from '../../../build/tree/content.ts';
import { Tree } from '../../../build/tree/tree.ts';
import { temporaryFolder } from '../folder.ts';
import { PROJECT } from '../profile/profiles.ts';
import { newPair } from '../release/releases.ts';

async function prepare(releaseKeysDirectory?: string) {
  const folder = await temporaryFolder();
  return prepareImage('qvdc', {
    ...{ projectDirectory: PROJECT, outputDirectory: folder, cache: cacheRooms(folder) },
    ...{ base: 'debian', architecture: 'x86_64', release: false, offline: true },
    ...{ withoutTools: true, say: () => undefined, releaseKeysDirectory },
  });
}

test('an image has the keys of the folder, and they are inputs of its steps', async () => {
  const keys = await temporaryFolder();
  const { pem } = newPair();
  await writeFile(join(keys, '2026.pem'), `of the safe in Berne\n${pem}`);
  const image = await prepare(keys);
  const [{ name, id } = { name: '', id: '' }] = image.facts.releaseKeys;
  expect(name).toBe('2026');
  const inputs = Object.keys(image.plan.squashfs.inputs);
  expect(inputs.filter((one) => one.includes('release-keys/2026.pem'))).not.toEqual([]);
  await writeFile(join(keys, '2026.pem'), pem);
  const again = await prepare(keys);
  expect(again.facts.releaseKeys.map((key) => key.id)).toEqual([id]);
  expect(again.plan.buildId).toBe(image.plan.buildId);
  expect((await prepare()).plan.buildId).not.toBe(image.plan.buildId);
});

test('the keys in an image can be read back as keys', async () => {
  const { trusted, pem } = newPair('2026');
  using reader = new ContentReader();
  const tree = new Tree(reader);
  const usual = await temporaryFolder();
  for (const entry of releaseKeyOverlay([trusted], 'quantix').entries) {
    tree.replace(entry);
    if (entry.type === 'file') await writeFile(join(usual, '2026.pem'), reader.bytes(entry));
  }
  expect(await readTrustedKeys(usual)).toEqual([trusted]);
  expect(releaseKeyOverlay([], 'quantix').entries).toEqual([]);
  expect(pem).toContain('PUBLIC KEY');
});

test('a folder without keys is refused: the image would take no update', async () => {
  const empty = await temporaryFolder();
  await expect(prepare(empty)).rejects.toThrow(`there is no key for releases, *.pem (${empty})`);
});
