import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { readKeys, readTrustedKeys } from '../../../../build/base/alpine/signature/keys.ts';
import {
  checkSignatures,
  type Signature,
} from '../../../../build/base/alpine/signature/signature.ts';
import { BuildError } from '../../../../build/error.ts';
import { makeKey, type SignatureKind, signature } from '../../../alpine-mirror/key.ts';
import { key, keys } from '../opened.ts';

const signed = Buffer.from('what is signed');
const other = makeKey('other-0000.rsa.pub');

function signatureBy(kind: SignatureKind, digest: string, by = key): Signature {
  return { digest, key: by.name, bytes: signature(signed, by, kind) };
}

test.each<[SignatureKind, string]>([
  ['RSA', 'sha1'],
  ['RSA256', 'sha256'],
  ['RSA512', 'sha512'],
])('a signature of kind %s by a trusted key is valid', (kind, digest) => {
  expect(checkSignatures([signatureBy(kind, digest)], signed, keys)).toBe('valid');
});

test('a signature over other bytes, with another digest, or of another length is wrong', () => {
  const one = signatureBy('RSA', 'sha1');
  expect(checkSignatures([one], Buffer.from('something else'), keys)).toBe('wrong');
  expect(checkSignatures([{ ...one, digest: 'sha256' }], signed, keys)).toBe('wrong');
  expect(checkSignatures([{ ...one, bytes: one.bytes.subarray(1) }], signed, keys)).toBe('wrong');
  expect(checkSignatures([{ ...one, bytes: Buffer.alloc(0) }], signed, keys)).toBe('wrong');
});

test('a signature by another key under a trusted name is wrong', () => {
  expect(
    checkSignatures([{ ...signatureBy('RSA', 'sha1', other), key: key.name }], signed, keys),
  ).toBe('wrong');
});

test('no signature, one by an unknown key, and one of an unknown kind are untrusted', () => {
  expect(checkSignatures([], signed, keys)).toBe('untrusted');
  expect(checkSignatures([signatureBy('RSA', 'sha1', other)], signed, keys)).toBe('untrusted');
  expect(
    checkSignatures([{ ...signatureBy('RSA', 'sha1'), digest: undefined }], signed, keys),
  ).toBe('untrusted');
});

test('the first signature by a trusted key decides, even if a valid one follows', () => {
  const wrong = { ...signatureBy('RSA', 'sha1'), bytes: Buffer.alloc(256) };
  const valid = signatureBy('RSA256', 'sha256');
  expect(checkSignatures([signatureBy('RSA', 'sha1', other), valid], signed, keys)).toBe('valid');
  expect(checkSignatures([wrong, valid], signed, keys)).toBe('wrong');
});

test('keys are the files *.pub of a folder, by their file names', async () => {
  const folder = keyFolder({ 'a.rsa.pub': key.pem, 'b.rsa.pub': other.pem, README: 'no key' });
  expect([...(await readKeys(folder)).keys()]).toEqual(['a.rsa.pub', 'b.rsa.pub']);
});

test('keys of other kinds in a folder are skipped, and reported', async () => {
  const pemOf = ({ publicKey }: { publicKey: KeyObject }) =>
    publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const folder = keyFolder({
    'a.rsa.pub': key.pem,
    'ec.rsa.pub': pemOf(generateKeyPairSync('ec', { namedCurve: 'P-256' })),
    'ed.rsa.pub': pemOf(generateKeyPairSync('ed25519')),
  });
  const told: string[] = [];
  expect([...(await readKeys(folder, (line) => told.push(line))).keys()]).toEqual(['a.rsa.pub']);
  expect(told).toHaveLength(2);
  expect(told[0]).toContain('ec.rsa.pub is ignored');
  expect(told[1]).toContain('ed25519');
});

test('a folder with keys of other kinds only is refused', async () => {
  const { publicKey } = generateKeyPairSync('ed25519');
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
  await expect(readKeys(keyFolder({ 'ed.pub': pem }))).rejects.toThrow('no RSA key, only ed.pub');
});

test('a folder with a *.pub file that is not a key is refused', async () => {
  const folder = keyFolder({ 'a.rsa.pub': key.pem, 'b.rsa.pub': 'garbage' });
  await expect(readKeys(folder)).rejects.toThrow('(b.rsa.pub)');
});

test('a folder without keys, or one that does not exist, is refused', async () => {
  await expect(readKeys(keyFolder({}))).rejects.toThrow('there is no key');
  await expect(readKeys('/nowhere/at/all')).rejects.toThrow(BuildError);
});

test('a key that is not an RSA public key in PEM is refused with its name', () => {
  const curve = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' });
  for (const pem of [
    '',
    'garbage',
    '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n',
    curve.toString(),
  ]) {
    expect(() => readTrustedKeys([['bad.rsa.pub', pem]])).toThrow('(bad.rsa.pub)');
  }
});

function keyFolder(files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'quantix-keys-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}
