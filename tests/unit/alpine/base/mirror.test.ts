import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readIndex } from '../../../../build/base/alpine/index/read.ts';
import { writeMirror } from '../../../../build/base/alpine/mirror/write-mirror.ts';
import { resolveAlpine } from '../../../../build/base/alpine/resolve.ts';
import { readKeys } from '../../../../build/base/alpine/signature/keys.ts';
import type { Lock } from '../../../../build/contract/lock.ts';
import { main } from '../../../../tasks/command-line.ts';
import { makeKey } from '../../../alpine-mirror/key.ts';
import { newPair } from '../../release/releases.ts';
import { captureOutput } from '../../tasks/captured-output.ts';
import { lockOf, openWorkplace, PACKAGES, profileOf, program, type Workplace } from './mirrored.ts';

let place: Workplace;
const own = makeKey('site.rsa.pub');
const output = captureOutput();
const signer = { keyName: own.name, privateKey: own.privateKey };

beforeEach(async () => {
  place = await openWorkplace();
});

afterEach(() => place[Symbol.asyncDispose]());

async function lockedFrom(mirror: string): Promise<Lock> {
  const resolution = await resolveAlpine(place.request({ mirror }));
  return lockOf(resolution);
}

async function partialMirror(): Promise<{ lock: Lock; directory: string }> {
  const mirror = await place.mirror('whole', [...PACKAGES, program('unwanted')]);
  const lock = await lockedFrom(mirror);
  const files = new Map(
    lock.packages.map(({ sha256, path }) => [
      sha256,
      join(place.directory, 'whole/v3.24/main', path),
    ]),
  );
  const directory = join(place.directory, 'partial');
  await writeMirror(directory, { locks: [lock, lock], files, signer });
  return { lock, directory };
}

test('a partial mirror gives the same lock, trusting only the site’s key', async () => {
  const { lock, directory } = await partialMirror();
  const request = place.request({
    mirror: `file://${directory}`,
    profile: profileOf({}, {}),
    keysDirectory: join(directory, 'keys'),
  });
  expect((await resolveAlpine(request)).packages).toEqual(lock.packages);
});

test('the index of a partial mirror has the locked packages and no others', async () => {
  const { directory } = await partialMirror();
  const where = join(directory, 'v3.24/main/x86_64/APKINDEX.tar.gz');
  const keys = await readKeys(join(directory, 'keys'));
  const { packages } = readIndex({ bytes: await readFile(where), keys, where });
  expect(packages.map(({ fields }) => fields.get('P'))).toEqual([
    'base',
    'library',
    'linux-lts',
    'linux-virt',
  ]);
});

test('a lock of another base is refused', async () => {
  const lock = {
    ...(await lockedFrom(await place.mirror('one', PACKAGES))),
    base: 'debian',
  } as const;
  await expect(
    writeMirror(place.directory, { locks: [lock], files: new Map(), signer }),
  ).rejects.toThrow('qvdc is locked for debian, and only Alpine mirrors can be written');
});

test.each([
  ['that is no key', 'not a key'],
  ['of another kind', newPair().secret.export({ type: 'pkcs8', format: 'pem' }).toString()],
  [
    'with a passphrase',
    own.privateKey
      .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' })
      .toString(),
  ],
])(
  'a file %s is refused as a key before anything is downloaded, and no passphrase is asked for',
  async (_, text) => {
    const file = join(place.directory, 'site.rsa');
    await writeFile(file, text);
    expect(await main(['mirror', '--key', file, '--output', join(place.directory, 'm')])).toBe(1);
    expect(output.complained).toBe(
      `qx-build: the key cannot sign: it is not an RSA private key in PEM without a passphrase (${file}). Make one: openssl genrsa -out me.rsa 4096\n`,
    );
  },
);
