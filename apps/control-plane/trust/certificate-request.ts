import { createPublicKey, type KeyObject } from 'node:crypto';
import { messageOf } from '../../error.ts';
import { nodeId } from '../../proto/names.ts';
import { ControlPlaneError } from '../error.ts';

/** Bytes; one of an agent has some 250. */
const LARGEST = 4096;

/** What stands before the point in the SubjectPublicKeyInfo of an uncompressed key on P-256 (RFC 5480, 2). */
const P256 = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d03010703420004', 'hex');

/** A certificate request that was made with the key it is for. */
export interface CertificateRequest {
  readonly publicKey: KeyObject;
  /** Of the node of this key. */
  readonly nodeId: string;
}

/** The certificate request is not one that is signed here. */
export class RequestError extends ControlPlaneError {}

/**
 * Reads a certificate request (PKCS #10, RFC 2986) for a key of ECDSA on P-256. Only its key counts; its key is written in
 * one way only, so that a key has one id.
 * @param der as it came from outside
 * @throws RequestError if it is none, for another kind of key, or not signed by its own key
 */
export async function readCertificateRequest(der: Uint8Array): Promise<CertificateRequest> {
  if (der.length === 0 || der.length > LARGEST) {
    throw new RequestError({ what: `a certificate request of ${der.length} bytes` });
  }
  await import('@abraham/reflection');
  const { Pkcs10CertificateRequest } = await import('@peculiar/x509');
  try {
    const request = new Pkcs10CertificateRequest(new Uint8Array(der));
    const spki = Buffer.from(request.publicKey.rawData);
    if (spki.length !== P256.length + 64 || !spki.subarray(0, P256.length).equals(P256)) {
      throw new RequestError({ what: 'a certificate request for a key that is none of P-256' });
    }
    const publicKey = createPublicKey({ key: spki, type: 'spki', format: 'der' });
    if (!(await request.verify())) {
      throw new RequestError({ what: 'a certificate request that its own key has not signed' });
    }
    return { publicKey, nodeId: nodeId(publicKey) };
  } catch (cause) {
    if (cause instanceof RequestError) throw cause;
    const what = `a certificate request that cannot be read: ${messageOf(cause)}`;
    throw new RequestError({ what, cause });
  }
}
