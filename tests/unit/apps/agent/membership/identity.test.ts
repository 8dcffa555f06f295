import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import {
  formatJoinToken,
  parseJoinToken,
} from '../../../../../apps/agent/configuration/join-token.ts';
import { makeCertificateRequest } from '../../../../../apps/agent/membership/identity/certificate-request.ts';
import { parseCertificates } from '../../../../../apps/agent/membership/identity/chain.ts';
import {
  checkValidity,
  isRenewalDue,
  makeCredentials,
} from '../../../../../apps/agent/membership/identity/credentials.ts';
import { Epochs } from '../../../../../apps/agent/membership/identity/epoch.ts';
import { loadKey } from '../../../../../apps/agent/membership/identity/key.ts';
import { deriveNodeId } from '../../../../../apps/proto/names.ts';
import { Authority } from '../../../../control-plane/authority.ts';
import { temporaryFolder } from '../../../folder.ts';
import { FakeClock } from './fake-clock.ts';

const log = () => {};

test('a node’s id is derived from its public key, and is a UUID of version 8', () => {
  const publicKey = createPublicKey(`-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEYD54V/vp+54P9DXarYqx4MPcm+HK
RIQzNasYSoRQHQ/6S6Ps8tpMcT+KvIIC8W/e9k0W7Cm72M1P9jU7SLf/vg==
-----END PUBLIC KEY-----`);
  expect(deriveNodeId(publicKey)).toBe('5ffca840-adc4-8f4b-bdaf-e6c29accb2d8');
});

test('a key is made once and is the same after a restart', async () => {
  const folder = await temporaryFolder();
  const first = await loadKey(`${folder}/node`, log);
  expect((await loadKey(`${folder}/node`, log)).nodeId).toBe(first.nodeId);
  expect(await readdir(`${folder}/node`)).toEqual(['node.key']);
});

test.each([
  ['no key', 'hello'],
  ['an empty file', ''],
  [
    'a key of another kind',
    generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  ],
])('%s in node.key is set aside with a message, and a new key is made', async (_, text) => {
  const folder = await temporaryFolder();
  await writeFile(`${folder}/node.key`, text);
  const lines: string[] = [];
  await loadKey(folder, (line) => lines.push(line));
  expect(lines).toEqual([expect.stringMatching(/node\.key\.rejected.*must join again/)]);
  expect(await readFile(`${folder}/node.key.rejected`, 'utf8')).toBe(text);
});

async function joined() {
  const folder = await temporaryFolder();
  const authority = await Authority.create('CA');
  const key = await loadKey(folder, log);
  const { certificate } = await authority.sign(await makeCertificateRequest(key));
  return { folder, authority, key, certificate };
}

test.each([
  '',
  'hello',
  '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----',
  `-----BEGIN CERTIFICATE-----\n${'A'.repeat(100_000)}`,
])('invalid certificates are an error of one line', (text) => {
  expect(() => parseCertificates(text, 'x.crt')).toThrow(/x\.crt/);
});

test('a certificate is due for renewal in the last third of its lifetime, and its dates are checked against the clock', async () => {
  const { authority, key, certificate } = await joined();
  const credentials = {
    ...makeCredentials({
      key,
      certificateChain: certificate,
      caCertificates: authority.pem,
      where: 'test',
    }),
    validFrom: 0,
    validTo: 9000,
  };
  expect([5999, 6000].map((now) => isRenewalDue(credentials, now))).toEqual([false, true]);
  expect(() => checkValidity(credentials, -1)).toThrow(/begins at 1970.*Set the clock/);
  expect(() => checkValidity(credentials, 9001)).toThrow(/ended at 1970.*join again/);
});

test('each run has a greater epoch, also after the file was lost or damaged', async () => {
  const folder = await temporaryFolder();
  const lines: string[] = [];
  const clock = new FakeClock();
  const now = BigInt(clock.now());
  const next = (above?: bigint) =>
    new Epochs({ folder, clock, log: (line) => lines.push(line) }).next(above);
  expect([await next(), await next()]).toEqual([now + 1n, now + 2n]);
  await writeFile(`${folder}/epoch`, '7\n');
  expect([await next(), await next(20n), await next(5n)]).toEqual([8n, 21n, 22n]);
  expect(lines).toEqual([]);
  await writeFile(`${folder}/epoch`, 'x'.repeat(1000));
  expect([await next(), await next()]).toEqual([now + 1n, now + 2n]);
  expect(lines).toHaveLength(1);
  await expect(next(2n ** 64n - 1n)).rejects.toThrow(/the number of a run cannot exceed/);
});

test('a token is read with spaces around it and capitals in its fingerprint', () => {
  const token = { secret: 'Ab_-'.repeat(8), fingerprint: '0f'.repeat(32) };
  const text = formatJoinToken(token);
  expect(parseJoinToken(` ${text.replace(/\.0f/, '.0F')}\n`)).toEqual(token);
});
