import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { assembled, folder, mirror, world } from '../mirror-world.ts';

/** Removes the index for x86_64 from a repository. */
async function withoutIndex(): Promise<string> {
  const { place } = await world();
  await rename(join(place, 'x86_64/APKINDEX.tar.gz'), join(place, 'APKINDEX.tar.gz'));
  return place;
}

async function refusals(place: string): Promise<[local: string, served: string]> {
  const { url } = await mirror(place);
  const reason = async (from: string) => {
    const error: unknown = await assembled(from, await folder()).catch((thrown: unknown) => thrown);
    if (!(error instanceof Error)) throw new Error('it was not refused');
    return error.message;
  };
  return [await reason(place), await reason(url)];
}

test('a mirror that lacks the architecture is reported with the architectures that it has', async () => {
  const place = await withoutIndex();
  await mkdir(join(place, 'aarch64'));
  await rename(join(place, 'APKINDEX.tar.gz'), join(place, 'aarch64/APKINDEX.tar.gz'));
  for (const message of await refusals(place)) {
    expect(message).toContain('the mirror lacks the architecture x86_64; it has aarch64');
    expect(message).not.toContain('\n');
  }
});

test('a repository with only an index in format v3 is reported', async () => {
  const place = await withoutIndex();
  await writeFile(join(place, 'x86_64/Packages.adb'), 'ADBd');
  for (const message of await refusals(place)) {
    expect(message).toContain('format v3 (ADB)');
    expect(message).toContain('v3.24 and all before it');
    expect(message).toContain('Packages.adb');
    expect(message).not.toContain('\n');
  }
});

test('an index in format v3 under the name of v2 is refused with its format', async () => {
  const { place } = await world();
  await writeFile(join(place, 'x86_64/APKINDEX.tar.gz'), 'ADBd and so on');
  for (const message of await refusals(place)) {
    expect(message).toContain('format v3 (ADB)');
    expect(message).toContain('v3.24 and all before it');
    expect(message).not.toContain('\n');
  }
});

test('an address without any index is reported as no repository', async () => {
  for (const message of await refusals(await folder())) {
    expect(message).toContain('there is no repository');
    expect(message).toContain('x86_64/APKINDEX.tar.gz');
    expect(message).not.toContain('\n');
  }
});
