import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { makeFolderSource } from '../../../../apps/update/folder.ts';
import { imageOf, releaseOf } from './world.ts';

const IMAGE = imageOf('0.2.0', 100_000);
const { release, envelope } = releaseOf(IMAGE);

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quantix-source-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function put(name: string, content: string | Buffer): Promise<void> {
  await mkdir(dirname(join(folder, name)), { recursive: true });
  await writeFile(join(folder, name), content);
}

async function fetched(path: string, offset = 0): Promise<{ text: string; image: Buffer }> {
  const line = { product: 'quantix-os', channel: 'stable', architecture: 'x86_64' };
  const source = await makeFolderSource({ path, ...line });
  const { signal } = new AbortController();
  const text = await source.readRelease(signal);
  const pieces: Uint8Array[] = [];
  for await (const piece of source.openImage(release, { offset, signal })) pieces.push(piece);
  return { text, image: Buffer.concat(pieces) };
}

describe('a folder has a release', () => {
  test('as a copy of the server’s tree, for example on a stick', async () => {
    await put('quantix-os/stable/x86_64/release.json', envelope);
    await put(release.image.path, IMAGE);
    expect(await fetched(folder)).toEqual({ text: envelope, image: IMAGE });
    expect((await fetched(folder, 60_000)).image.equals(IMAGE.subarray(60_000))).toBe(true);
  });

  test('as release.json and an image of any name; the path may be the folder or the file', async () => {
    await put('release.json', envelope);
    await put('other.iso', Buffer.alloc(5));
    await put('Quantix-OS-0.2.0.ISO', IMAGE);
    expect(await fetched(folder)).toEqual({ text: envelope, image: IMAGE });
    expect(await fetched(join(folder, 'release.json'))).toEqual({ text: envelope, image: IMAGE });
  });
});

describe('a folder has no release', () => {
  test('if there is no release.json', async () => {
    await expect(fetched(folder)).rejects.toThrow(/no release\.json for this machine/);
  });

  test('if its image is missing, or has another size', async () => {
    await put('release.json', envelope);
    await put('short.iso', IMAGE.subarray(1));
    await expect(fetched(folder)).rejects.toThrow('there is no image of 100000 bytes');
  });
});
