import { createHash, createPublicKey, verify } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { signProgram } from '../../../build/secure-boot/authenticode.ts';
import { ENROLMENT_FILES, makeEnrolmentFiles } from '../../../build/secure-boot/enrolment.ts';
import { encodePublicKeyPacket, signFile } from '../../../build/secure-boot/openpgp.ts';
import { makeOwnerKey } from '../../../build/secure-boot/owner-key.ts';
import { temporaryFolder } from '../folder.ts';
import { type NewOwner, newOwner, readOwner } from './owners.ts';
import { uefiProgram } from './uefi-program.ts';

let made: NewOwner;
let folder: string;

beforeAll(async () => {
  made = await newOwner(afterAll);
  folder = await temporaryFolder(afterAll);
});

async function write(name: string, content: Uint8Array): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, content);
  return file;
}

/**
 * Returns the SHA-256 of the part of a program that its signature covers: all but the checksum, the entry of the
 * signatures' table, and the signatures.
 */
function hashOf(bytes: Buffer): string {
  const parts = [bytes.subarray(0, 0xd8), bytes.subarray(0xdc, 0x128), bytes.subarray(0x130)];
  const [whole, rest] = [Buffer.concat(parts), bytes.length % 8];
  const padded = rest === 0 ? whole : Buffer.concat([whole, Buffer.alloc(8 - rest)]);
  return createHash('sha256').update(padded).digest('hex');
}

describe('a program that is signed', () => {
  test('has its signature appended, which openssl reads and which has the hash of the rest', async () => {
    const plain = uefiProgram();
    const signed = await signProgram(plain, made.owner, 'GRUB');
    const [at, length] = [signed.readUInt32LE(0x128), signed.readUInt32LE(0x12c)];
    expect([at % 8, at + length]).toEqual([0, signed.length]);
    expect(signed.subarray(0, 0x128)).toEqual(plain.subarray(0, 0x128));
    expect(signed.subarray(0x130, plain.length)).toEqual(plain.subarray(0x130));
    expect(signed.toString('hex')).toContain(hashOf(plain));
    const input = signed.subarray(at + 8);
    const { stdout } = await execa(
      'openssl',
      ['pkcs7', '-inform', 'DER', '-print_certs', '-noout'],
      { input },
    );
    expect(stdout).toContain('subject=CN = Test');
  });

  test('has the same bytes each time, and can get a second signature', async () => {
    const once = await signProgram(uefiProgram(), made.owner, 'GRUB');
    expect(await signProgram(uefiProgram(), readOwner(made.folder), 'GRUB')).toEqual(once);
    const other = await newOwner();
    const twice = await signProgram(once, other.owner, 'GRUB');
    const [at, length] = [twice.readUInt32LE(0x128), twice.readUInt32LE(0x12c)];
    const first = twice.readUInt32LE(at);
    expect(twice.subarray(at, at + first)).toEqual(once.subarray(at));
    expect(first + twice.readUInt32LE(at + first)).toBe(length);
    expect(twice.subarray(at + first).toString('hex')).toContain(hashOf(uefiProgram()));
  });

  test.each<[string, Buffer]>([
    ['text', Buffer.from('no program')],
    ['a program that ends in its headers', uefiProgram().subarray(0, 0x120)],
    ['headers that are elsewhere', withNumber(uefiProgram(), 0x3c, 0xfffffff0)],
    ['signatures before its end', withNumber(withNumber(uefiProgram(), 0x128, 0x200), 0x12c, 8)],
    [
      'signatures that begin at an odd byte',
      withNumber(withNumber(uefiProgram(1003), 0x128, 995), 0x12c, 8),
    ],
    ['signatures that fill the whole file', withNumber(uefiProgram(1000), 0x12c, 1000)],
  ])('%s is refused', async (_, bytes) => {
    await expect(signProgram(bytes, made.owner, 'the kernel')).rejects.toThrow(
      /cannot be signed \(the kernel\)/,
    );
  });
});

function withNumber(bytes: Buffer, at: number, value: number): Buffer {
  bytes.writeUInt32LE(value, at);
  return bytes;
}

test('the signature of a file names the key that GRUB has, and is valid for this file only', async () => {
  const key = encodePublicKeyPacket(made.owner);
  // RFC 4880, 12.2: the fingerprint is the hash of the key with a length of two bytes.
  const body = key.subarray(3);
  expect(key.readUInt8(0)).toBe(0x99);
  expect(key.readUInt16BE(1)).toBe(body.length);
  const id = createHash('sha1').update(key).digest('hex').slice(-16);
  const modulus = body.subarray(8, 8 + body.readUInt16BE(6) / 8);
  const jwk = made.owner.key.export({ format: 'jwk' });
  expect(modulus.toString('base64url')).toBe(jwk.n);

  const content = Buffer.from('set timeout=3\n');
  const signature = (await signFile(made.owner, content)).subarray(3);
  const head = signature.subarray(0, 6 + signature.readUInt16BE(4));
  expect([...head.subarray(0, 4)]).toEqual([4, 0, 1, 8]);
  const rest = signature.subarray(head.length);
  expect(rest.subarray(4, 2 + rest.readUInt16BE(0)).toString('hex')).toBe(id);
  const numbers = rest.subarray(2 + rest.readUInt16BE(0));
  const signed = Buffer.concat([content, head, Buffer.from([4, 0xff, 0, 0, 0, head.length])]);
  expect(numbers.subarray(0, 2)).toEqual(
    createHash('sha256').update(signed).digest().subarray(0, 2),
  );
  const digits = Buffer.alloc(256);
  numbers.subarray(4).copy(digits, 256 - (numbers.length - 4));
  expect(verify('sha256', signed, made.owner.key, digits)).toBe(true);
  expect(await signFile(made.owner, Buffer.from('set timeout=4\n'))).not.toEqual(signature);
});

test('the enrolment files have the certificate, and openssl verifies the owner’s signature of each variable', async () => {
  const files = await makeEnrolmentFiles(made.owner);
  expect(Object.keys(files)).toEqual(ENROLMENT_FILES);
  const { certificate } = made.owner;
  expect(files['db.cer']).toEqual(certificate);
  const ca = join(made.folder, 'db.crt');
  const variables = [
    ['PK', '61dfe48bca93d211aa0d00e098032b8c'],
    ['KEK', '61dfe48bca93d211aa0d00e098032b8c'],
    ['db', 'cbb219d73a3d9645a3bcdad00e67656f'],
  ] as const;
  for (const [name, vendor] of variables) {
    const [list, set] = [files[`${name}.esl`], files[`${name}.auth`]] as const;
    if (list === undefined || set === undefined) throw new Error(`${name} is not there`);
    expect(list.readUInt32LE(16)).toBe(list.length);
    expect(list.subarray(44)).toEqual(certificate);
    expect(set.subarray(-list.length)).toEqual(list);
    const signature = set.subarray(40, 16 + set.readUInt32LE(16));
    const signed = Buffer.concat([
      ...[Buffer.from(name, 'utf16le'), Buffer.from(vendor, 'hex'), Buffer.from('27000000', 'hex')],
      ...[set.subarray(0, 16), list],
    ]);
    // openssl requires a ContentInfo, which states the type of its content.
    const whole = asContentInfo(signature);
    const file = await write(`${name}.p7`, whole);
    const content = await write(`${name}.signed`, signed);
    const args = ['-verify', '-binary', '-inform', 'DER', '-in', file, '-content', content];
    await execa('openssl', ['cms', ...args, '-CAfile', ca, '-purpose', 'any']);
    const time = new Date(made.owner.since * 1000);
    expect(set.readUInt16LE(0)).toBe(time.getUTCFullYear());
    expect([...set.subarray(2, 7)]).toEqual([
      ...[time.getUTCMonth() + 1, time.getUTCDate(), time.getUTCHours()],
      ...[time.getUTCMinutes(), time.getUTCSeconds()],
    ]);
  }
});

/** Returns the ContentInfo of a SignedData. */
function asContentInfo(signedData: Buffer): Buffer {
  const long = (tag: number, content: Buffer) => {
    const head = Buffer.from([tag, 0x82, content.length >> 8, content.length & 0xff]);
    return Buffer.concat([head, content]);
  };
  const type = Buffer.from('06092a864886f70d010702', 'hex');
  return long(0x30, Buffer.concat([type, long(0xa0, signedData)]));
}

describe('an owner’s key', () => {
  const signer = { name: 'the command', sign: async () => Buffer.alloc(256) };

  test('refuses the result of a signer that uses another key', async () => {
    const other = await newOwner();
    const pem = pemOf(made.owner.certificate);
    const mixed = makeOwnerKey(pem, 'db.crt', { ...signer, sign: other.owner.sign });
    await expect(mixed.sign(Buffer.from('x'))).rejects.toThrow(
      /not a signature by the key of db\.crt \(the command\)/,
    );
  });

  test('has issuer and serial number as openssl reads them', async () => {
    const { certificate, serial } = made.owner;
    const args = ['x509', '-inform', 'DER', '-noout', '-serial'];
    const { stdout } = await execa('openssl', args, { input: certificate });
    const digits = serial.subarray(2).toString('hex').replace(/^00/, '').toUpperCase();
    expect(stdout).toBe(`serial=${digits}`);
  });

  test.each<[string, () => Promise<string> | string]>([
    ['nothing', () => ''],
    ['a certificate that is cut off', () => pemOf(made.owner.certificate.subarray(0, 300))],
    ['a public key', () => spkiOf(made.owner.certificate)],
    ['two certificates', () => pemOf(made.owner.certificate).repeat(2)],
    ['a certificate of a key that is too short', () => certificateOf('rsa:1024')],
    ['a certificate of a key of another kind', () => certificateOf('ed25519')],
  ])('is not read from %s', async (_, text) => {
    const pem = await text();
    expect(() => makeOwnerKey(pem, 'db.crt', signer)).toThrow(
      /^it is not (one certificate in PEM|of an RSA key with 2048 bits or more) \(db\.crt\)/,
    );
  });
});

async function certificateOf(kind: string): Promise<string> {
  const more = ['-newkey', kind, '-nodes', '-keyout', join(folder, 'other.key'), '-subj', '/CN=x'];
  return (await execa('openssl', ['req', '-x509', ...more])).stdout;
}

function pemOf(certificate: Buffer): string {
  const lines = certificate.toString('base64').replace(/.{64}/g, '$&\n');
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}

function spkiOf(certificate: Buffer): string {
  return createPublicKey(pemOf(certificate)).export({ type: 'spki', format: 'pem' }).toString();
}
