import { createHash } from 'node:crypto';

/**
 * Returns a name-based UUID of version 8 (RFC 9562, section 5.8) as a URN: 122 bits of a SHA-256. The same text gives
 * the same URN.
 */
export function deriveContentUrn(text: string): string {
  const bytes = createHash('sha256').update(text).digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex');
  return `urn:uuid:${hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')}`;
}
