import { createHash } from 'node:crypto';

/**
 * Derives GUIDs from a seed; the same seed gives the same GUIDs. They have version 8 (RFC 9562, 5.8), so that they
 * differ from random ones. A disk image has such GUIDs; its first boot replaces them with random ones.
 * @returns a function that returns the next GUID, in lower case
 */
export function deriveGuids(seed: string): () => string {
  let count = 0;
  return () => {
    const bytes = createHash('sha256').update(`${seed} ${count}`).digest().subarray(0, 16);
    count += 1;
    bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
    bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
    return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  };
}

/** Whether a GUID has version 8, as those of `deriveGuids` have. */
export function isDerivedGuid(guid: string): boolean {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-8/.test(guid);
}
