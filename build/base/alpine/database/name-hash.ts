/** Number of buckets of apk's hash table of names. */
const BUCKETS = 20_000;
const SEED = 5381;

/**
 * Sorts names into the order in which apk iterates over its hash table: bucket by bucket, the newest of a bucket first.
 * Some decisions depend on it, such as which of two packages with `install_if` is considered first.
 * @param names in the order in which they were first seen
 */
export function sortByTable<N extends { readonly name: string }>(names: readonly N[]): N[] {
  const youngest = new Int32Array(BUCKETS).fill(-1);
  const older = new Int32Array(names.length);
  for (let index = 0; index < names.length; index += 1) {
    const bucket = hashMurmur3(names[index]?.name ?? '') % BUCKETS;
    older[index] = youngest[bucket] ?? -1;
    youngest[bucket] = index;
  }
  const ordered: N[] = [];
  for (let bucket = 0; bucket < BUCKETS; bucket += 1) {
    for (let index = youngest[bucket] ?? -1; index >= 0; index = older[index] ?? -1) {
      const name = names[index];
      if (name !== undefined) ordered.push(name);
    }
  }
  return ordered;
}

/** Returns the MurmurHash3 (x86, 32 bits) of a text in UTF-8. */
export function hashMurmur3(text: string, seed = SEED): number {
  const key = isAscii(text) ? text : Buffer.from(text).toString('latin1');
  const { length } = key;
  const whole = length & ~3;
  let hash = seed;
  for (let at = 0; at < whole; at += 4) {
    hash ^= scramble(
      key.charCodeAt(at) |
        (key.charCodeAt(at + 1) << 8) |
        (key.charCodeAt(at + 2) << 16) |
        (key.charCodeAt(at + 3) << 24),
    );
    hash = (Math.imul(rotate(hash, 13), 5) + 0xe6546b64) | 0;
  }
  let rest = 0;
  for (let at = length - 1; at >= whole; at -= 1) rest = (rest << 8) | key.charCodeAt(at);
  if (whole < length) hash ^= scramble(rest);
  hash ^= length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function isAscii(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) if (text.charCodeAt(at) > 0x7f) return false;
  return true;
}

function scramble(block: number): number {
  return Math.imul(rotate(Math.imul(block, 0xcc9e2d51), 15), 0x1b873593);
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}
