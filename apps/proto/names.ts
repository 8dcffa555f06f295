import { createHash, type KeyObject } from 'node:crypto';

/**
 * Returns the id of the node with a public key: the first 16 bytes of SHA-256 over its SubjectPublicKeyInfo in DER, as
 * a UUID of version 8 (RFC 9562, 5.8).
 */
export function deriveNodeId(publicKey: KeyObject): string {
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const bytes = createHash('sha256').update(spki).digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** Default port of a control plane for its nodes; see `node_service.proto`. */
export const NODE_PORT = 9443;

/**
 * Returns the name of a root's servers, derived from the SHA-256 of its DER in lower case hex; see
 * `node_service.proto`.
 */
export function deriveServerName(fingerprint: string): string {
  return `${fingerprint.slice(0, 16)}.vdc.quantix.internal`;
}
