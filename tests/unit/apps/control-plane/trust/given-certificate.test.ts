import { createPrivateKey } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  CertificateError,
  examineCertificate,
  proveCertificate,
} from '../../../../../apps/control-plane/trust/given-certificate.ts';
import { type Made, makeCertificate } from '../../../../control-plane/certificates.ts';

const DAY = 86_400_000;
const RSA = {
  ...{ name: 'RSASSA-PKCS1-v1_5', publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' },
};

let root: Made;
let middle: Made;
let own: Made;

beforeAll(async () => {
  root = await makeCertificate({ name: 'root', isAuthority: true });
  middle = await makeCertificate({ name: 'middle', by: root, isAuthority: true, to: 40 });
  own = await makeCertificate({ by: middle, addresses: ['192.0.2.5', '2001:db8::5'] });
});

const chainOf = (...all: Made[]) => all.map(({ pem }) => pem).join('');

function refused(chain: string, key: string): string {
  try {
    examineCertificate({ chain, key }, Date.now());
  } catch (error) {
    expect(error).toBeInstanceOf(CertificateError);
    return error instanceof Error ? error.message : '';
  }
  return 'it was taken';
}

describe('a certificate that servers can show', () => {
  test.each([
    ['without its root', () => chainOf(own, middle)],
    ['with its root', () => chainOf(own, middle, root)],
    ['with text around it', () => `subject=qvdc\n${own.pem}\n\nissuer\r\n${middle.pem}end`],
  ])('is accepted %s, with its names and the earliest expiry of the chain', async (_, chain) => {
    const examined = examineCertificate({ chain: chain(), key: own.key }, Date.now());
    expect(examined.names).toEqual(['qvdc.example', '192.0.2.5', '2001:DB8:0:0:0:0:0:5']);
    expect((examined.validity.to - Date.now()) / DAY).toBeCloseTo(40, 0);
    expect(examined.chain).not.toContain('subject=');
    await proveCertificate(examined);
  });

  test.each([
    ['for an address alone', { names: [], addresses: ['192.0.2.5'] }],
    ['for all names of a domain', { names: ['*.qvdc.example'] }],
    ['for a key on P-384', { algorithm: { name: 'ECDSA', namedCurve: 'P-384' } }],
    ['for an RSA key', { algorithm: { ...RSA, modulusLength: 2048 } }],
  ])('may be self-signed, %s', async (_, wanted) => {
    const made = await makeCertificate(wanted);
    await proveCertificate(examineCertificate({ chain: made.pem, key: made.key }, Date.now()));
  });

  test('comes with a key in the form of SEC 1 or PKCS #8', () => {
    const sec1 = createPrivateKey(own.key).export({ format: 'pem', type: 'sec1' }).toString();
    const { key } = examineCertificate({ chain: chainOf(own, middle), key: sec1 }, Date.now());
    expect(key).toContain('BEGIN PRIVATE KEY');
  });
});

describe('a certificate is refused', () => {
  test('that is empty, or has other content', () => {
    expect(refused('', own.key)).toContain('there is no certificate');
    expect(refused(own.pem, '')).toContain('the key cannot be read');
    expect(refused(`${own.pem}${own.key}`, own.key)).toContain('have a key among them');
    expect(refused(own.pem.repeat(9), own.key)).toContain('these are 9 certificates');
    const cut = own.pem.replace(/\n.{64}\n/, '\n');
    expect(refused(cut, own.key)).toContain('certificate 1 cannot be read');
  });

  test('whose key is another one, or has a passphrase', () => {
    expect(refused(chainOf(own, middle), middle.key)).toContain('is not that of the first');
    expect(refused(chainOf(middle, own), own.key)).toContain('is not that of the first');
    const sealed = createPrivateKey(own.key)
      .export({ ...{ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc' }, passphrase: 'abc' })
      .toString();
    expect(refused(own.pem, sealed)).toContain('the key has a passphrase');
  });

  test('whose chain is out of order, with the right place of each', () => {
    expect(refused(chainOf(own, root, middle), own.key)).toMatch(
      /certificate 2 \(CN=root\) is not the issuer of certificate 1 .*Certificate 3 is: put it there/,
    );
    expect(refused(chainOf(own, root), own.key)).toContain('Put that of CN=middle between them');
  });

  test.each([
    ['that has ended', { to: -0.5 }, ' ended at '],
    ['that has not begun', { from: 1 }, ' begins at '],
    ['for no name', { names: [] }, 'is for no name'],
    ['of an authority', { isAuthority: true }, 'is one of an authority'],
    ['for clients', { purpose: '1.3.6.1.5.5.7.3.2' }, 'is not one for servers'],
    [
      'whose key is too short',
      { algorithm: { ...RSA, modulusLength: 1024 } },
      '(rsa 1024) is not accepted by all browsers',
    ],
    [
      'whose key is of another kind',
      { algorithm: { name: 'Ed25519' } },
      '(ed25519) is not accepted',
    ],
  ])('%s', async (_, wanted, told) => {
    const made = await makeCertificate(wanted);
    expect(refused(made.pem, made.key)).toContain(told);
  });

  test('that is signed with SHA-1, unless it is the root', async () => {
    const weak = await makeCertificate({ by: middle, hash: 'SHA-1' });
    expect(refused(chainOf(weak, middle), weak.key)).toContain('is signed with ecdsa-with-SHA1');
    const oldRoot = await makeCertificate({ name: 'old', isAuthority: true, hash: 'SHA-1' });
    const made = await makeCertificate({ by: oldRoot });
    expect(refused(chainOf(made, oldRoot), made.key)).toBe('it was taken');
  });

  test('with which no TLS connection succeeds, because of a wrong key or name', async () => {
    const examined = examineCertificate({ chain: chainOf(own, middle), key: own.key }, Date.now());
    const other = await makeCertificate({ by: middle });
    await expect(proveCertificate({ ...examined, key: other.key })).rejects.toThrow(
      CertificateError,
    );
    await expect(proveCertificate({ ...examined, names: ['other.example'] })).rejects.toThrow(
      /fails with TLSv1\.[23]: .*other\.example.*Nothing was changed/,
    );
  });
});
