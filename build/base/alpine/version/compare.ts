import { Kind, VersionReader } from './token.ts';

/** How two versions relate: the first is less (-1), equal (0) or greater (1). */
export type Relation = -1 | 0 | 1;

/**
 * Compares two versions as apk-tools 3 does (the rules are in docs/apk-engine.md). Of an invalid version, only the
 * valid beginning is compared; the invalid version is less than this beginning alone.
 * @returns -1 if the first is less, 0 if they are equal, 1 if it is greater
 */
export function compareVersions(a: string, b: string): Relation {
  return a === b ? 0 : compare(a, b, false);
}

/**
 * Compares a version with a prefix as `~` does: `1.2.3-r4` is equal to `1.2`, `1.2.3` and `1.2.3-r4`, and less than
 * `1.3`.
 */
export function compareWithPrefix(version: string, prefix: string): Relation {
  return version === prefix ? 0 : compare(version, prefix, true);
}

function compare(a: string, b: string, isPrefix: boolean): Relation {
  const [one, other] = [new VersionReader(a), new VersionReader(b)];
  while (one.kind === other.kind && one.kind < Kind.end) {
    const relation = compareParts(one, other);
    if (relation !== 0) return relation;
    one.next();
    other.next();
  }
  if (one.kind === other.kind || (isPrefix && other.kind === Kind.end)) return 0;
  if (isPrerelease(one)) return -1;
  if (isPrerelease(other)) return 1;
  return one.kind > other.kind ? -1 : 1;
}

function isPrerelease({ kind, suffix }: VersionReader): boolean {
  return kind === Kind.suffix && suffix < 0;
}

/** Compares two parts of one kind. */
function compareParts(a: VersionReader, b: VersionReader): Relation {
  switch (a.kind) {
    case Kind.suffix:
      return relationOf(a.suffix, b.suffix);
    case Kind.fraction:
      if (a.hasLeadingZero || b.hasLeadingZero) return relationOf(a.value, b.value);
      return relationOf(numeric(a.value), numeric(b.value));
    case Kind.number:
    case Kind.suffixNumber:
    case Kind.revision:
      return relationOf(numeric(a.value), numeric(b.value));
    default:
      return relationOf(a.value, b.value);
  }
}

function relationOf<T extends string | number | bigint>(a: T, b: T): Relation {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Number of digits that a number can hold exactly. */
const EXACT_DIGITS = 15;

/** Value of digits in apk, which uses 64-bit integers: only the low 64 bits count. */
function numeric(digits: string): number | bigint {
  return digits.length <= EXACT_DIGITS
    ? Number(digits)
    : BigInt.asUintN(64, BigInt(digits.slice(-64)));
}

const VERSION =
  /^[0-9]+(?:\.[0-9]+)*[a-z]?(?:_(?:alpha|beta|pre|rc|cvs|svn|git|hg|p)[0-9]*)*(?:~[0-9a-f]+)?(?:-r[0-9]+)?$/;

/**
 * Whether a text is a version by the rules of apk-tools 3: `digits{.digits}[letter]{_suffix[digits]}[~hash][-rDIGITS]`,
 * in which no part is empty.
 */
export function isValidVersion(text: string): boolean {
  return VERSION.test(text);
}
