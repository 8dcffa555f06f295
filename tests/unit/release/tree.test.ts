import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { verifyRelease } from '../../../build/release/sign.ts';
import {
  type Publication,
  type PublishedImage,
  publish,
  releasePath,
} from '../../../build/release/tree.ts';
import { temporaryFolder } from '../folder.ts';
import { newPair } from './releases.ts';

const ours = newPair();
const later = newPair('later');
const LINE = { product: 'quantix-os', channel: 'stable', architecture: 'x86_64' };

let folder = '';

beforeEach(async () => {
  folder = await temporaryFolder();
});

function publication(changes: Partial<Publication> = {}): Publication {
  const now = new Date('2026-03-01T12:00:00.700Z');
  return {
    tree: join(folder, 'tree'),
    channel: 'stable',
    signer: ours.signer,
    now,
    days: 30,
    ...changes,
  };
}

async function image(version: string): Promise<PublishedImage> {
  const file = join(folder, `${version}.iso`);
  const bytes = Buffer.from(`image ${version}`);
  await writeFile(file, bytes);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const { product, architecture } = LINE;
  return { product, version, architecture, base: 'alpine', buildId: '01234567', file, sha256 };
}

async function published(trusted = [ours.trusted]) {
  const text = await readFile(join(folder, 'tree', releasePath(LINE)), 'utf8');
  return verifyRelease(text, trusted);
}

test('an image is published: the same file under its hash, and a signed release that names it', async () => {
  const first = await image('0.1.0');
  const release = await publish(first, publication());
  expect(await published()).toEqual(release);
  expect(release).toMatchObject({
    ...{ ...LINE, version: '0.1.0', serial: 1, floor: 0 },
    ...{ issued: '2026-03-01T12:00:00Z', expires: '2026-03-31T12:00:00Z' },
    image: { path: `images/${first.sha256}.iso`, bytes: 11, sha256: first.sha256 },
  });
  const linked = await stat(join(folder, 'tree', release.image.path));
  expect(linked.ino).toBe((await stat(first.file)).ino);
});

test('the serial rises, the floor stays, and images of earlier releases stay', async () => {
  await publish(await image('0.1.0'), publication());
  await publish(await image('0.2.0'), publication({ floor: 2 }));
  await publish(await image('0.2.0'), publication());
  expect(await published()).toMatchObject({ version: '0.2.0', serial: 3, floor: 2 });
  expect(readdirSync(join(folder, 'tree/images'))).toHaveLength(2);
  const jump = await publish(await image('0.3.0'), publication({ serial: 10, floor: 0 }));
  expect(jump).toMatchObject({ serial: 10, floor: 0 });
});

test('each channel and each CPU has its own serials', async () => {
  await publish(await image('0.1.0'), publication());
  const beta = await publish(await image('0.2.0'), publication({ channel: 'beta' }));
  expect(beta.serial).toBe(1);
  expect((await published()).version).toBe('0.1.0');
});

describe('nothing is published', () => {
  test('with a serial that does not rise', async () => {
    await publish(await image('0.1.0'), publication({ serial: 5 }));
    for (const serial of [4, 5]) {
      const again = publish(await image('0.2.0'), publication({ serial }));
      await expect(again).rejects.toThrow(
        `serial ${serial} is not above that of the previous release`,
      );
    }
    expect(await published()).toMatchObject({ version: '0.1.0', serial: 5 });
  });

  test('with a floor above its serial', async () => {
    await expect(publish(await image('0.1.0'), publication({ floor: 2 }))).rejects.toThrow(/floor/);
    expect(readdirSync(folder)).toEqual(['0.1.0.iso']);
  });

  test('if the image changed since it was built', async () => {
    const first = await image('0.1.0');
    await writeFile(first.file, 'image 0.1.1');
    await expect(publish(first, publication())).rejects.toThrow(/its SHA-256 differs from its/);
  });

  test('if the previous release is signed by a key that is not trusted', async () => {
    await publish(await image('0.1.0'), publication());
    const second = await image('0.2.0');
    const changed = publication({ signer: later.signer });
    await expect(publish(second, changed)).rejects.toThrow(/not signed with a key that is trusted/);
    await publish(second, { ...changed, trusted: [ours.trusted] });
    expect(await published([later.trusted])).toMatchObject({ version: '0.2.0', serial: 2 });
  });
});

test('a concurrent reader of the tree always finds a release and its complete image', async () => {
  await publish(await image('0.1.0'), publication());
  const tree = join(folder, 'tree');
  let reads = 0;
  const reading = setInterval(() => {
    const text = readFileSync(join(tree, releasePath(LINE)), 'utf8');
    const { image: named } = verifyRelease(text, [ours.trusted]);
    expect(statSync(join(tree, named.path)).size).toBe(named.bytes);
    reads += 1;
  }, 0);
  // The reads must also end if the test exceeds its time limit, because its folder is then removed.
  onTestFinished(() => clearInterval(reading));
  for (let at = 2; at < 30; at += 1) await publish(await image(`0.${at}.0`), publication());
  expect(reads).toBeGreaterThan(0);
});

test('leftovers of an interrupted publication do not block the next one', async () => {
  const first = await image('0.1.0');
  await publish(first, publication());
  writeFileSync(join(folder, 'tree', `images/${first.sha256}.iso.new`), 'half');
  const line = dirname(releasePath(LINE));
  writeFileSync(join(folder, 'tree', line, '.release.json.new'), 'half');
  await publish(first, publication());
  expect(await published()).toMatchObject({ serial: 2 });
});
