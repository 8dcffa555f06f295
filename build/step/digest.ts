import { createHash } from 'node:crypto';
import { HashedFile } from '../process/hashed-file.ts';

/** Returns the SHA-256 of text or bytes, in hex. */
export function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

/**
 * Returns the SHA-256, in hex, of plain data: scalars, bytes, hashed files, and arrays and objects of these. The order
 * of keys matters, because code that iterates over an object depends on it; keys whose value is undefined are ignored.
 * @throws TypeError on undefined, and on values whose content cannot be read from outside, such as a function or a Map
 */
export function computeDigest(value: unknown): string {
  if (value === undefined) throw new TypeError('undefined has no digest');
  return sha256(JSON.stringify(withoutBytes(value)));
}

/** Returns the value with all byte arrays and hashed files replaced by their SHA-256. */
function withoutBytes(value: unknown): unknown {
  if (typeof value === 'function' || typeof value === 'symbol') {
    throw new TypeError(`a ${typeof value} has no digest`);
  }
  if (value === null || typeof value !== 'object') return value;
  if (value instanceof Uint8Array) return { sha256: sha256(value) };
  if (value instanceof HashedFile) return { sha256: value.sha256 };
  if (Array.isArray(value)) return value.map(withoutBytes);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    throw new TypeError(`a ${value.constructor.name} has no digest`);
  }
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, withoutBytes(one)]));
}
