/**
 * The order of versions as docs/apk-engine.md states it, for valid versions: each version becomes a list of keys, and
 * the first different keys decide. Written to be easy to read, and independently of the engine.
 */

const SUFFIXES = ['alpha', 'beta', 'pre', 'rc', 'cvs', 'svn', 'git', 'hg', 'p'];
const PRERELEASES = 4;

/** Order of the kinds of parts, if two versions have parts of different kinds at the same place. */
const KINDS = ['prerelease', 'end', 'revision', 'hash', 'suffixNumber', 'suffix', 'letter', 'dot'];

/** Kind of a part, and the values that are compared within the kind. */
type Key = readonly [kind: number, major: number, minor: bigint | string];

function key(kind: string, minor: bigint | string, major = 0): Key {
  return [KINDS.indexOf(kind), major, minor];
}

/** Parses a number, which wraps around at 64 bits. */
function count(digits: string): bigint {
  return BigInt(digits) % 2n ** 64n;
}

function keysOf(version: string): Key[] {
  const parts = version.match(/^[0-9]+|\.[0-9]+|_[a-z]+|~[0-9a-f]+|-r[0-9]+|[a-z]|[0-9]+/g) ?? [];
  return parts.map((part, index): Key => {
    const rest = part.replace(/^(?:\.|_|~|-r)/, '');
    if (index === 0) return key('dot', count(rest));
    if (part.startsWith('.')) {
      return rest.startsWith('0') ? key('dot', rest, 0) : key('dot', count(rest), 1);
    }
    if (part.startsWith('_')) {
      const place = SUFFIXES.indexOf(rest);
      return key(place < PRERELEASES ? 'prerelease' : 'suffix', BigInt(place));
    }
    if (part.startsWith('~')) return key('hash', rest);
    if (part.startsWith('-r')) return key('revision', count(rest));
    return /^[0-9]/.test(part) ? key('suffixNumber', count(rest)) : key('letter', rest);
  });
}

/** The order of two valid versions: -1, 0 or 1. */
export function statedOrder(a: string, b: string): number {
  const end = key('end', 0n);
  const [one, other] = [
    [...keysOf(a), end],
    [...keysOf(b), end],
  ];
  for (const [index, mine] of one.entries()) {
    const theirs = other[index] ?? end;
    for (const place of [0, 1, 2] as const) {
      if (mine[place] < theirs[place]) return -1;
      if (mine[place] > theirs[place]) return 1;
    }
  }
  return 0;
}

/** Whether a valid version begins with another, part by part, as `~` requires. */
export function statedPrefix(version: string, prefix: string): boolean {
  const keys = keysOf(version);
  return keysOf(prefix).every((wanted, index) => {
    const mine = keys[index];
    return mine !== undefined && wanted.every((value, place) => value === mine[place]);
  });
}
