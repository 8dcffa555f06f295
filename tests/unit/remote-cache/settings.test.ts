import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { readRemoteCacheSettings } from '../../../build/remote-cache/settings.ts';
import { temporaryFolder } from '../folder.ts';
import { newPair } from '../release/releases.ts';

const ci = newPair('ci');
const pem = (passphrase?: string) =>
  ci.secret.export({
    ...{ type: 'pkcs8', format: 'pem' },
    ...(passphrase === undefined ? {} : { cipher: 'aes-256-cbc', passphrase }),
  });
let folder: string;
let keys: string;
let key: string;

beforeEach(async () => {
  folder = await temporaryFolder();
  keys = join(folder, 'keys');
  key = join(folder, 'own.key');
  await mkdir(keys);
  await writeFile(join(keys, 'ci.pem'), ci.pem);
  await writeFile(key, pem());
});

/** Returns the settings of an environment with only these variables and its own home folder. */
const settings = (variables: Record<string, string>) =>
  readRemoteCacheSettings({
    HOME: folder,
    ...Object.fromEntries(
      Object.entries(variables).map(([name, value]) => [`QUANTIX_REMOTE_CACHE${name}`, value]),
    ),
  });

test('without an address no remote cache is used, whatever else is set', async () => {
  expect(await settings({ _WRITE: 'yes' })).toBeUndefined();
  expect(await settings({ '': '' })).toBeUndefined();
});

test('with public keys the cache is only read', async () => {
  const read = await settings({ '': 'https://cache.example/team/', _KEYS: keys });
  expect(read?.address).toBe('https://cache.example/team');
  expect(read?.trusted.map(({ name }) => name)).toEqual(['ci']);
  expect(read?.signer).toBeUndefined();
});

test('with the private key the cache is read, and written on request', async () => {
  const reads = await settings({ '': 'http://c', _KEY: key });
  expect([reads?.trusted[0]?.name, reads?.signer]).toEqual(['own', undefined]);
  const writes = await settings({ '': 'http://c', _KEY: key, _KEYS: keys, _WRITE: 'yes' });
  expect(writes?.trusted.map(({ name }) => name)).toEqual(['ci']);
  expect(writes?.signer).toBeDefined();
});

test('name and password are read from .netrc, for https', async () => {
  await writeFile(join(folder, '.netrc'), 'machine cache.example login ci password p@ss\n');
  const read = await settings({ '': 'https://cache.example/', _KEYS: keys });
  expect(read?.address).toBe('https://ci:p%40ss@cache.example');
  const plain = await settings({ '': 'http://cache.example/', _KEYS: keys });
  expect(plain?.address).toBe('http://cache.example');
});

test.each<[string, () => Record<string, string>, RegExp]>([
  ['an invalid address', () => ({ '': 'cache.example', _KEYS: keys }), /not the address/],
  ['another protocol', () => ({ '': 'grpc://cache.example', _KEYS: keys }), /not the address/],
  ['an address with a query', () => ({ '': 'https://c/?x', _KEYS: keys }), /not the address/],
  ['no keys', () => ({ '': 'https://c' }), /no key is trusted.*QUANTIX_REMOTE_CACHE_KEYS/],
  ['a folder without keys', () => ({ '': 'https://c', _KEYS: folder }), /no public key, \*\.pem/],
  ['a key that is not there', () => ({ '': 'https://c', _KEY: '/nowhere' }), /cannot be read/],
  [
    'a request to write without a key',
    () => ({ '': 'https://c', _KEYS: keys, _WRITE: 'yes' }),
    /no key to sign them with/,
  ],
  [
    'a value that is neither yes nor no',
    () => ({ '': 'https://c', _KEYS: keys, _WRITE: '1' }),
    /"1" is neither yes nor no/,
  ],
  [
    'a file without a certificate',
    () => ({ '': 'https://c', _KEYS: keys, _CA: key }),
    /no certificate in PEM/,
  ],
])('%s is reported before anything is built', async (_, variables, message) => {
  await expect(settings(variables())).rejects.toThrow(message);
});

test('a key with a passphrase is refused, because nobody could type it', async () => {
  await writeFile(key, pem('secret'));
  await expect(settings({ '': 'https://c', _KEY: key })).rejects.toThrow(
    /has a passphrase.*\(QUANTIX_REMOTE_CACHE_KEY=.*key new --plain/,
  );
});

test('a password in an invalid address is not in the message', async () => {
  const told = await settings({ '': 'https://me:secret@c/?x', _KEYS: keys }).catch(String);
  expect(told).not.toContain('secret');
});
