import type { NodeKey } from './key.ts';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/**
 * Makes a certificate request (PKCS #10, RFC 2986) of a node, with its id as the common name. The library takes some 20
 * MB of memory, so it is loaded only here: for joining and renewal, not at each start.
 * @returns DER
 */
export async function makeCertificateRequest(key: NodeKey): Promise<Uint8Array> {
  await import('@abraham/reflection');
  const { Pkcs10CertificateRequestGenerator } = await import('@peculiar/x509');
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: [{ CN: [key.nodeId] }],
    keys: {
      privateKey: key.privateKey.toCryptoKey(ALGORITHM, false, ['sign']),
      publicKey: key.publicKey.toCryptoKey(ALGORITHM, true, ['verify']),
    },
    signingAlgorithm: ALGORITHM,
  });
  return new Uint8Array(request.rawData);
}
