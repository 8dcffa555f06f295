import { createPublicKey, type KeyObject } from 'node:crypto';
import { messageOf } from '../../error.ts';
import { deriveNodeId } from '../../proto/names.ts';
import { ControlPlaneError } from '../error.ts';

/** Largest request in bytes; an agent's has about 250. */
const LARGEST = 4096;

/** SubjectPublicKeyInfo of an uncompressed P-256 key (RFC 5480, 2), up to the point. */
const P256 = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d03010703420004', 'hex');

/** A certificate request that is signed with its own key. */
export interface CertificateRequest {
  readonly publicKey: KeyObject;
  /** Id of the node with this key. */
  readonly nodeId: string;
}

/** Thrown for a certificate request that is not acceptable. */
export class RequestError extends ControlPlaneError {}

/**
 * Reads a certificate request (PKCS #10, RFC 2986) for an ECDSA key on P-256. Only its key is used. Only one encoding
 * of a key is accepted, so that the key has a single node id.
 * @param der untrusted bytes
 * @throws RequestError if it is not a request, has another kind of key, or is not signed with its own key
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
      throw new RequestError({ what: 'a certificate request for a key that is not on P-256' });
    }
    const publicKey = createPublicKey({ key: spki, type: 'spki', format: 'der' });
    if (!(await request.verify())) {
      throw new RequestError({ what: 'a certificate request that its own key has not signed' });
    }
    return { publicKey, nodeId: deriveNodeId(publicKey) };
  } catch (cause) {
    if (cause instanceof RequestError) throw cause;
    const what = `a certificate request that cannot be read: ${messageOf(cause)}`;
    throw new RequestError({ what, cause });
  }
}
