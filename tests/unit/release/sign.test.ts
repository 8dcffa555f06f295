import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { ExplainedError } from '../../../build/explained-error.ts';
import { openEnvelope, seal, sealBy } from '../../../build/release/envelope.ts';
import { readPrivateKey, readTrustedKeys } from '../../../build/release/keys.ts';
import { RELEASE_TYPE, signRelease, verifyRelease } from '../../../build/release/sign.ts';
import { temporaryFolder } from '../folder.ts';
import { newPair, release } from './releases.ts';

const ours = newPair('ours');
const others = newPair('others');
const text = await signRelease(release(), [ours.signer]);

interface Envelope {
  payloadType: string;
  payload: string;
  signatures: { keyid?: string; sig: string }[];
}

/** Returns the envelope with changes after it was signed. */
function changed(changes: Partial<Envelope>): string {
  return JSON.stringify({ ...JSON.parse(text), ...changes });
}

/** Returns an envelope with another payload, signed by our key. */
function sealed(payload: unknown, type = RELEASE_TYPE): string {
  const bytes = typeof payload === 'string' ? payload : JSON.stringify(payload);
  return seal(type, Buffer.from(bytes), [ours.secret]);
}

function refusal(envelope: string, keys = [ours.trusted]): string {
  try {
    verifyRelease(envelope, keys, 'http://updates.test/release.json');
  } catch (error) {
    if (error instanceof ExplainedError) return error.message;
    throw error;
  }
  return 'taken';
}

describe('a signed release', () => {
  test('is read back with any trusted key', async () => {
    expect(verifyRelease(text, [ours.trusted])).toEqual(release());
    expect(verifyRelease(Buffer.from(text), [others.trusted, ours.trusted])).toEqual(release());
    const both = await signRelease(release(), [others.signer, ours.signer]);
    expect(verifyRelease(both, [ours.trusted])).toEqual(release());
    expect(verifyRelease(both, [others.trusted])).toEqual(release());
  });

  test('is the same text each time', async () => {
    expect(await signRelease(release(), [ours.signer])).toBe(text);
  });

  test('is accepted in the other Base64 alphabet, and with additional fields', () => {
    const envelope: Envelope = JSON.parse(text);
    const otherAlphabet = (base64: string) => Buffer.from(base64, 'base64').toString('base64url');
    const url = JSON.stringify({
      ...envelope,
      payload: otherAlphabet(envelope.payload),
      signatures: envelope.signatures.map(({ sig }) => ({ sig: otherAlphabet(sig) })),
      later: true,
    });
    expect(verifyRelease(url, [ours.trusted])).toEqual(release());
  });

  test('has a signature as defined by DSSE, which openssl verifies', async () => {
    const folder = await temporaryFolder();
    const { payload, signatures }: Envelope = JSON.parse(text);
    const bytes = Buffer.from(payload, 'base64');
    const head = `DSSEv1 ${RELEASE_TYPE.length} ${RELEASE_TYPE} ${bytes.length} `;
    const paths = ['signed', 'sig', 'key'].map((name) => join(folder, name));
    const [signed = '', sig = '', key = ''] = paths;
    await writeFile(signed, Buffer.concat([Buffer.from(head), bytes]));
    await writeFile(sig, Buffer.from(signatures[0]?.sig ?? '', 'base64'));
    await writeFile(key, ours.pem);
    const command = ['pkeyutl', '-verify', '-rawin', '-pubin', '-inkey', key];
    const { stdout } = await execa('openssl', [...command, '-sigfile', sig, '-in', signed]);
    expect(stdout).toContain('Signature Verified Successfully');
  });

  test('is refused if no key is trusted', () => {
    expect(refusal(text, [])).toBe(
      'no key for releases is trusted here, so nothing can be checked (http://updates.test/release.json). Build the image with RELEASE_KEYS=FOLDER, a folder of public keys (qx-build key show).',
    );
  });

  test('is refused with another key, even if the envelope names a trusted one', async () => {
    expect(refusal(text, [others.trusted])).toMatch(
      /not signed with a key .*: others [0-9a-f]{16}/,
    );
    const foreign = await signRelease(release(), [others.signer]);
    const lie = JSON.parse(foreign);
    lie.signatures[0].keyid = ours.trusted.id;
    expect(refusal(JSON.stringify(lie))).toMatch(/not signed with a key/);
  });

  test('is refused after a change anywhere in the signed bytes', () => {
    const { payload } = JSON.parse(text);
    const bytes = Buffer.from(payload, 'base64');
    for (const [at, byte] of bytes.entries()) {
      const copy = Buffer.from(bytes);
      copy[at] = byte ^ 1;
      const envelope = changed({ payload: copy.toString('base64') });
      expect(refusal(envelope), `byte ${at}`).toMatch(/not signed with a key/);
    }
  });

  test.each([
    ['', /not JSON/],
    ['null', /not a signed file/],
    ['[]', /not a signed file/],
    ['{"payloadType":1}', /payloadType/],
    [text.slice(0, -20), /not JSON/],
    [' '.repeat(300_000), /longer than 256 KiB/],
    [changed({ signatures: [] }), /has no signature/],
    [changed({ signatures: Array(17).fill({ sig: 'AA==' }) }), /has more than 16 signatures/],
    [changed({ payload: '@@@' }), /its payload is not Base64/],
    [changed({ signatures: [{ sig: 'a b' }] }), /its signature is not Base64/],
    [changed({ signatures: [{ sig: '' }] }), /not signed with a key/],
    [changed({ payloadType: 'text/plain' }), /it holds "text\/plain", not/],
    [JSON.stringify(release()), /not a signed file/],
  ])('is refused if it is broken: %.40s', (envelope, why) => {
    expect(refusal(envelope)).toMatch(why);
    expect(refusal(envelope)).toContain('(http://updates.test/release.json)');
  });

  test.each([
    ['no JSON', /what was signed is not JSON/],
    [{ ...release(), format: 2 }, /format/],
    [{ ...release(), surprise: 1 }, /surprise/],
    [{ ...release(), product: '../etc' }, /product/],
    [{ ...release(), version: '1.2.3\u001b[2J' }, /version/],
    [{ ...release(), serial: 0 }, /serial/],
    [{ ...release(), floor: 8 }, /floor: must not be above the serial/],
    [{ ...release(), expires: '2026-01-01T00:00:00Z' }, /expires: must be later than issued/],
    [{ ...release(), expires: 'soon' }, /expires/],
    [
      { ...release(), image: { ...release().image, path: `images/${'0'.repeat(64)}.iso` } },
      /image.path: must be named by the SHA-256/,
    ],
    [{ ...release(), image: { ...release().image, path: '/etc/passwd' } }, /image.path/],
  ])('is refused if a trusted key has signed something else: %.60j', (payload, why) => {
    expect(refusal(sealed(payload))).toMatch(why);
  });

  test('is not made from values that would be refused', async () => {
    await expect(signRelease(release({ floor: 9 }), [ours.signer])).rejects.toThrow(/floor/);
  });
});

test.each([
  ['another key’s signature', (bytes: Uint8Array) => others.signer.sign(bytes)],
  ['a signature of other bytes', () => ours.signer.sign(Buffer.from('other'))],
  ['too little', async () => Buffer.alloc(63)],
  ['nothing', async () => Buffer.alloc(0)],
])('a signer that answers %s is refused', async (_, sign) => {
  const lying = { ...ours.signer, name: 'the HSM', sign };
  const signing = signRelease(release(), [lying]);
  await expect(signing).rejects.toThrow(
    /not a signature that its public key verifies: \d+ bytes \(the HSM\)/,
  );
});

test('an envelope that is too large to be opened is not made', async () => {
  const sealing = sealBy('text/plain', Buffer.alloc(200_000), [ours.signer]);
  await expect(sealing).rejects.toThrow(/has 200000 bytes, more than the \d+ that an envelope may/);
});

test('an envelope of one payload type is never accepted as another', () => {
  const binary = sealed({ agent: 1 }, 'application/vnd.quantix.agent+json');
  expect(refusal(binary)).toMatch(/it holds "application\/vnd.quantix.agent\+json"/);
  const type = 'application/vnd.quantix.agent+json';
  const renamed = { ...JSON.parse(text), payloadType: type };
  expect(() =>
    openEnvelope(JSON.stringify(renamed), {
      payloadType: type,
      trusted: [ours.trusted],
      where: 'f',
    }),
  ).toThrow(/not signed with a key/);
});

describe('keys', () => {
  test('that are trusted are read from a folder, each once', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, '2027.pem'), others.pem);
    await writeFile(join(folder, '2026.pem'), ours.pem);
    await writeFile(join(folder, 'again.pem'), ours.pem);
    await writeFile(join(folder, 'README'), 'not a key');
    const keys = await readTrustedKeys(folder);
    expect(keys.map(({ name, id }) => [name, id])).toEqual([
      ['2026', ours.trusted.id],
      ['2027', others.trusted.id],
    ]);
    expect(verifyRelease(text, keys)).toEqual(release());
  });

  test('are empty if there is no folder', async () => {
    expect(await readTrustedKeys(join(await temporaryFolder(), 'none'))).toEqual([]);
  });

  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  test.each([
    ['', /not one public key/],
    ['no key', /not one public key/],
    [ours.pem + others.pem, /not one public key/],
    [ours.pem.replace('MC', 'MD'), /not one public key/],
    [rsa.publicKey.export({ type: 'spki', format: 'pem' }).toString(), /not one public key/],
    [
      ours.secret.export({ type: 'pkcs8', format: 'pem' }).toString(),
      /a private key in the folder of public/,
    ],
    [' '.repeat(20_000) + ours.pem, /not one public key/],
  ])('that are not public keys are refused with their file: %.40s', async (pem, why) => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'bad.pem'), pem);
    await expect(readTrustedKeys(folder)).rejects.toThrow(why);
    await expect(readTrustedKeys(folder)).rejects.toThrow(join(folder, 'bad.pem'));
  });

  test('that sign are opened with their passphrase', () => {
    const plain = ours.secret.export({ type: 'pkcs8', format: 'pem' }).toString();
    const options = { cipher: 'aes-256-cbc', passphrase: 'right' };
    const secret = ours.secret.export({ type: 'pkcs8', format: 'pem', ...options }).toString();
    expect(readPrivateKey(plain, { where: 'k' }).equals(ours.secret)).toBe(true);
    expect(readPrivateKey(secret, { passphrase: 'right', where: 'k' }).equals(ours.secret)).toBe(
      true,
    );
    const why = (pem: string, passphrase?: string) => () =>
      readPrivateKey(pem, { passphrase, where: 'k.pem' });
    expect(why(secret)).toThrow('the key is encrypted, and there is no passphrase (k.pem)');
    expect(why(secret, 'wrong')).toThrow('the passphrase does not open the key (k.pem)');
    expect(why('nothing')).toThrow('it is not a private key in PEM (k.pem)');
    const other = createPrivateKey(rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const pem = other.export({ type: 'pkcs8', format: 'pem' }).toString();
    expect(why(pem)).toThrow('it is a key of rsa, not Ed25519 (k.pem)');
  });
});
