import '@abraham/reflection';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { readFile, stat, writeFile } from 'node:fs/promises';
import * as x509 from '@peculiar/x509';
import { describe, expect, test } from 'vitest';
import { makeCertificateRequest } from '../../../../../apps/agent/membership/identity/certificate-request.ts';
import {
  checkChain,
  parseCertificates,
} from '../../../../../apps/agent/membership/identity/chain.ts';
import {
  Authority,
  isDue,
  openAuthority,
} from '../../../../../apps/control-plane/trust/authority.ts';
import { readCertificateRequest } from '../../../../../apps/control-plane/trust/certificate-request.ts';
import { issueServer, makeRoot } from '../../../../../apps/control-plane/trust/issue.ts';
import { deriveNodeId, deriveServerName } from '../../../../../apps/proto/names.ts';
import { temporaryFolder } from '../../../folder.ts';
import { makeRootFolder } from '../../host/root-folder.ts';

const DAY = 86_400_000;

function nodeKey(namedCurve = 'P-256') {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve });
  return { privateKey, publicKey, nodeId: deriveNodeId(publicKey) };
}

async function made(): Promise<Authority> {
  return await openAuthority(`${await temporaryFolder()}/ca.pem`);
}

describe('the certificate authority', () => {
  test('is made once, is readable by root only, and stays the same', async () => {
    const file = `${await temporaryFolder()}/vdc/ca.pem`;
    const first = await openAuthority(file);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const text = await readFile(file, 'utf8');
    const again = await openAuthority(file);
    expect(again.fingerprint).toBe(first.fingerprint);
    expect(await readFile(file, 'utf8')).toBe(text);
    expect(again.bundle).not.toContain('PRIVATE');
  });

  test('is not made again while the configuration disk that may hold it is not mounted', async () => {
    const root = await makeRootFolder({
      'run/quantix/unmounted-quantix': 'several are labelled so\n',
    });
    const file = `${root}/vdc/ca.pem`;
    await expect(openAuthority(file, root)).rejects.toThrow(
      /no other is created.*several are labelled so/,
    );
    await expect(stat(file)).rejects.toThrow('ENOENT');
  });

  test('truncated at any position is refused, and not replaced', async () => {
    const file = `${await temporaryFolder()}/ca.pem`;
    await openAuthority(file);
    const whole = await readFile(file, 'utf8');
    for (let length = 0; length < whole.trimEnd().length; length += 37) {
      await writeFile(file, whole.slice(0, length));
      await expect(openAuthority(file)).rejects.toThrow(/certificate authority .*ca\.pem.*backup/);
      expect(await readFile(file, 'utf8')).toBe(whole.slice(0, length));
    }
  });

  test('with the key of another authority is refused', async () => {
    const [a, b] = [await makeRoot(), await makeRoot()];
    expect(() => new Authority(`${a.key}\n${b.certificate}`, 'ca.pem')).toThrow(
      /first certificate/,
    );
    expect(() => new Authority(`${a.key}\n${a.certificate}\n${b.key}`, 'ca.pem')).toThrow(
      /incomplete/,
    );
  });

  test('that cannot be read is reported with its file name', async () => {
    const folder = await temporaryFolder();
    await expect(openAuthority(folder)).rejects.toThrow(/cannot be read: EISDIR/);
  });

  test('gives servers a certificate for the names of all roots and for no address', async () => {
    const [a, b] = [await makeRoot(), await makeRoot()];
    const authority = new Authority(`${a.key}\n${a.certificate}\n${b.certificate}`, 'ca.pem');
    const { chain } = await authority.serverCertificate();
    const [leaf, root] = parseCertificates(chain, 'chain');
    expect(leaf?.subjectAltName).toBe(
      authority.fingerprints.map((one) => `DNS:${deriveServerName(one)}`).join(', '),
    );
    expect(root?.toString().trim()).toBe(a.certificate.trim());
    expect(leaf?.verify(root!.publicKey)).toBe(true);
  });

  test('renews a server’s certificate in the last third of its lifetime, and when the clock is outside of it', async () => {
    const authority = await made();
    const now = Date.now();
    const certificate = await authority.serverCertificate(now);
    expect(isDue(certificate, now)).toBe(false);
    expect(isDue(certificate, now + 59 * DAY)).toBe(false);
    expect(isDue(certificate, now + 60 * DAY)).toBe(true);
    expect(isDue(certificate, now - 2 * DAY)).toBe(true);
  });

  test('signs an agent’s request, and identifies the node by the certificate', async () => {
    const authority = await made();
    const key = nodeKey();
    const request = await readCertificateRequest(await makeCertificateRequest(key));
    expect(request.nodeId).toBe(key.nodeId);
    const chain = parseCertificates(await authority.sign(request), 'chain');
    checkChain({ chain, cas: parseCertificates(authority.bundle, 'cas'), key, where: 'here' });
    expect(authority.identify(chain[0]!.raw)).toEqual({
      nodeId: key.nodeId,
      validity: {
        from: chain[0]?.validFromDate.getTime(),
        to: chain[0]?.validToDate.getTime(),
      },
    });
  });

  test('identifies no node by a certificate of another authority, by a server’s, or by its own', async () => {
    const [authority, other] = [await made(), await made()];
    const foreign = await other.sign(
      await readCertificateRequest(await makeCertificateRequest(nodeKey())),
    );
    expect(authority.identify(new X509Certificate(foreign).raw)).toBeUndefined();
    const { chain } = await authority.serverCertificate();
    for (const one of parseCertificates(chain, 'chain')) {
      expect(authority.identify(one.raw)).toBeUndefined();
    }
  });

  test('identifies no node by a certificate that another authority of the same name signed', async () => {
    const root = await makeRoot();
    const authority = new Authority(`${root.key}\n${root.certificate}`, 'ca.pem');
    const impostor = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    const forged = await issueServer(
      { certificate: root.certificate, key: impostor },
      [authority.fingerprint],
      { from: Date.now(), to: Date.now() + DAY },
    );
    expect(authority.identify(new X509Certificate(forged.certificate).raw)).toBeUndefined();
  });
});

describe('a certificate request', () => {
  test('for another curve is refused', async () => {
    const algorithm = { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' };
    const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
    const request = await x509.Pkcs10CertificateRequestGenerator.create({
      keys,
      signingAlgorithm: algorithm,
    });
    await expect(readCertificateRequest(new Uint8Array(request.rawData))).rejects.toThrow(/P-256/);
  });

  test('for a key that its sender does not have is refused', async () => {
    const der = Buffer.from(await makeCertificateRequest(nodeKey()));
    const { publicKey } = nodeKey();
    const other = publicKey.export({ type: 'spki', format: 'der' });
    const at = der.indexOf(other.subarray(0, 27));
    other.copy(der, at);
    await expect(readCertificateRequest(der)).rejects.toThrow(/own key has not signed/);
  });

  test.each([
    ['nothing', Buffer.alloc(0)],
    ['noise', Buffer.from('nonsense')],
    ['larger than the limit', Buffer.alloc(5000, 0x30)],
    ['nesting without end', Buffer.from('30'.repeat(2000), 'hex')],
  ])('that is %s is refused', async (_what, der) => {
    await expect(readCertificateRequest(der)).rejects.toThrow(/a certificate request/);
  });

  test('truncated, or with any byte changed, is refused, and never crashes', async () => {
    const der = Buffer.from(await makeCertificateRequest(nodeKey()));
    for (let at = 0; at < der.length; at += 3) {
      const changed = Buffer.from(der);
      changed[at] = (changed[at] ?? 0) ^ 0xff;
      await expect(readCertificateRequest(changed)).rejects.toThrow(/a certificate request/);
      await expect(readCertificateRequest(der.subarray(0, at))).rejects.toThrow(
        /a certificate request/,
      );
    }
  });
});
