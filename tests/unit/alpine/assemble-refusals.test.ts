import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readTrustedKeys } from '../../../build/base/alpine/signature/keys.ts';
import { BuildError } from '../../../build/error.ts';
import { packIndex } from '../../alpine-mirror/index.ts';
import { makeKey } from '../../alpine-mirror/key.ts';
import { assembled, folder, mirror, world } from './mirror-world.ts';
import { key } from './opened.ts';

test('assembling is refused if no package satisfies the request', async () => {
  const { place, cache } = await world();
  const failing = assembled(place, cache, { wanted: ['app', 'unheard-of'] });
  await expect(failing).rejects.toThrow(BuildError);
  await expect(failing).rejects.toThrow('unheard-of');
});

test('assembling is refused if the repository is not there, or not for this architecture', async () => {
  await expect(assembled(await folder(), await folder())).rejects.toThrow('there is no repository');
});

test('assembling is refused if an untrusted key signed the index', async () => {
  const { place, packed, cache } = await world();
  const stanzas = packed.map(({ stanza }) => stanza);
  await writeFile(
    join(place, 'x86_64/APKINDEX.tar.gz'),
    packIndex({ stanzas }, makeKey('stranger')),
  );
  await expect(assembled(place, cache)).rejects.toThrow('stranger, which is not a trusted key');
});

test('assembling is refused if a package was swapped, cut or lengthened', async () => {
  const { place, packed } = await world();
  const path = join(place, 'x86_64/app-1-r0.apk');
  const good = await readFile(path);
  const other = packed.find((each) => each.file.startsWith('base'))?.bytes ?? good;
  const swapped = Buffer.concat([other, Buffer.alloc(good.length)]).subarray(0, good.length);
  for (const [bytes, why] of [
    [swapped, 'another package than the index says'],
    [good.subarray(0, -1), 'its index says'],
    [Buffer.concat([good, Buffer.from('x')]), 'its index says'],
  ] as const) {
    await writeFile(path, bytes);
    await expect(assembled(place, await folder())).rejects.toThrow(why);
  }
});

test('assembling is refused if the index says another size than the mirror has', async () => {
  const { place, packed, cache } = await world();
  const stanzas = packed.map(({ stanza }) => stanza.replace(/^S:\d+$/m, 'S:1234'));
  await writeFile(join(place, 'x86_64/APKINDEX.tar.gz'), packIndex({ stanzas }, key));
  const served = await mirror(place);
  await expect(assembled(served.url, cache)).rejects.toThrow('expected 1234 bytes');
});

test.each([
  ['missing', 'is gone'],
  ['wrong', ''],
] as const)('assembling is refused if a package of a mirror is %s', async (fault, why) => {
  const { place, cache } = await world();
  const served = await mirror(place);
  served.break('app-1-r0.apk', fault);
  await expect(assembled(served.url, cache)).rejects.toThrow(BuildError);
  await expect(assembled(served.url, cache)).rejects.toThrow(why);
});

test('assembling is refused while the index of a mirror has wrong bytes, and works again afterwards', async () => {
  const { place, cache } = await world();
  const served = await mirror(place);
  served.break('APKINDEX.tar.gz', 'wrong');
  await expect(assembled(served.url, cache)).rejects.toThrow(BuildError);
  served.heal();
  await expect(assembled(served.url, cache)).resolves.toBeDefined();
});

test('assembling is refused if a key is trusted under another name than the signature gives', async () => {
  const { place, cache } = await world();
  const trusted = readTrustedKeys([['other-name.rsa.pub', key.pem]]);
  await expect(assembled(place, cache, { trusted })).rejects.toThrow('not a trusted key');
});
