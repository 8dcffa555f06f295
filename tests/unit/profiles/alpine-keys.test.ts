import { createHash, createPublicKey } from 'node:crypto';
import { expect, test } from 'vitest';
import { keys } from '../../../profiles/shared/alpine-keys.ts';

/** File → SHA-512, as `main/alpine-keys/APKBUILD` of Alpine's sources has it (version 2.5). */
const PUBLISHED: Readonly<Record<string, string>> = {
  'alpine-devel@lists.alpinelinux.org-6165ee59.rsa.pub':
    '8b9c2208c904c9f34d9d01d3d68b224208530e684265df214deb8c9e6b4b19633aa48a405e673249c9e93a8ee194a336e951cd82a4e27e5e66e85fdc5e0d495e',
};

test('the keys equal those that Alpine publishes, byte for byte', () => {
  const digests = Object.entries(keys).map(([name, pem]) => [
    name,
    createHash('sha512').update(pem).digest('hex'),
  ]);
  expect(Object.fromEntries(digests)).toEqual(PUBLISHED);
});

test('each key is an RSA key of 4096 bits', () => {
  for (const pem of Object.values(keys)) {
    const key = createPublicKey(pem);
    expect(key.asymmetricKeyType).toBe('rsa');
    expect(key.asymmetricKeyDetails?.modulusLength).toBe(4096);
  }
});
