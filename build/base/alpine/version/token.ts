/**
 * Kinds of parts of a version, in the order in which they may follow one another. Where two versions agree up to
 * parts of different kinds, the version whose part is of the later kind is the lesser one, except for
 * `_alpha`, `_beta`, `_pre` and `_rc`, which come before everything.
 */
export const Kind = {
  invalid: -1,
  /** After a dot: the number, or how many zeros it starts with, as a negative number. */
  fraction: 0,
  /** The first number, and what follows such zeros. */
  digits: 1,
  letter: 2,
  suffix: 3,
  suffixNumber: 4,
  hash: 5,
  revision: 6,
  end: 7,
} as const;

/** One of the kinds. */
export type KindOf = (typeof Kind)[keyof typeof Kind];

/** A part of a version: its kind, and what it is compared by. */
export interface Token {
  readonly kind: KindOf;
  /** Of parts of one kind, either all are text (`hash`) or none is. */
  readonly value: number | bigint | string;
}

const SUFFIXES = [
  ['alpha', -4],
  ['beta', -3],
  ['pre', -2],
  ['rc', -1],
  ['cvs', 0],
  ['svn', 1],
  ['git', 2],
  ['hg', 3],
  ['p', 4],
] as const;

const INVALID: Token = { kind: Kind.invalid, value: -1 };
const END: Token = { kind: Kind.end, value: 0 };

const DIGITS = /[0-9]*/y;
const ZEROS = /0+/y;
const HASH = /[0-9a-f]+/y;
const LOWER = /[a-z]/;
const DIGIT = /[0-9]/;

/**
 * Splits a version into parts, ending with one of kind `end` or `invalid`, as apk-tools 2.14 reads it:
 * `digits{.digits}[letter]{_suffix[number]}{~hash}[-rNUMBER]`. Of text that is no version, the parts up to
 * where it stops being one are given. A number after a dot that starts with zeros is two parts, the count of
 * zeros (more are less) and the rest, so that `1.02` is less than `1.1`, and `1.002` than both.
 */
export function tokens(version: string): Token[] {
  if (version === '') return [{ kind: Kind.digits, value: 0 }, END];
  const parts: Token[] = [];
  let [kind, at]: [KindOf, number] = [Kind.digits, 0];
  for (;;) {
    const part = read(version, at, kind);
    parts.push({ kind, value: part.value });
    if (part.end < 0) {
      parts.push(INVALID);
      return parts;
    }
    at = part.end;
    if (at >= version.length) {
      parts.push(END);
      return parts;
    }
    if (isLeadingZeros({ kind, value: part.value })) {
      kind = Kind.digits;
      continue;
    }
    const next = following(version, at, kind);
    if (next === undefined) {
      parts.push(INVALID);
      return parts;
    }
    [kind, at] = [next.kind, next.at];
  }
}

/** Whether a part is the zeros that a number after a dot starts with. */
export function isLeadingZeros({ kind, value }: Token): boolean {
  return kind === Kind.fraction && typeof value === 'number' && value < 0;
}

/** Reads one part. @returns what it is worth, and where it ends; -1 if it is none */
function read(version: string, at: number, kind: KindOf): { value: Token['value']; end: number } {
  switch (kind) {
    case Kind.letter:
      return { value: version.charCodeAt(at), end: at + 1 };
    case Kind.suffix: {
      const known = SUFFIXES.find(([suffix]) => version.startsWith(suffix, at));
      return known === undefined
        ? { value: -1, end: -1 }
        : { value: known[1], end: at + known[0].length };
    }
    case Kind.hash: {
      const hash = match(HASH, version, at);
      return { value: hash, end: hash === '' ? -1 : at + hash.length };
    }
    default: {
      const zeros = kind === Kind.fraction ? match(ZEROS, version, at).length : 0;
      if (zeros > 0) return { value: -zeros, end: at + zeros };
      const digits = match(DIGITS, version, at);
      return { value: numeric(digits), end: at + digits.length };
    }
  }
}

/** What kind of part begins at a place, after one of another kind; `undefined` if none may. */
function following(
  version: string,
  at: number,
  before: KindOf,
): { kind: KindOf; at: number } | undefined {
  const first = version.charAt(at);
  if (before <= Kind.digits && LOWER.test(first)) return { kind: Kind.letter, at };
  if (before === Kind.letter && DIGIT.test(first)) return { kind: Kind.digits, at };
  if (before === Kind.suffix && DIGIT.test(first)) return { kind: Kind.suffixNumber, at };
  switch (first) {
    case '.':
      return before > Kind.digits ? undefined : { kind: Kind.fraction, at: at + 1 };
    case '_':
      return before > Kind.suffixNumber ? undefined : { kind: Kind.suffix, at: at + 1 };
    case '~':
      return before >= Kind.hash ? undefined : { kind: Kind.hash, at: at + 1 };
    case '-':
      return version.charAt(at + 1) === 'r' ? { kind: Kind.revision, at: at + 2 } : undefined;
    default:
      return undefined;
  }
}

function match(pattern: RegExp, text: string, at: number): string {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? '';
}

/** Digits of any length as what compares exactly. */
function numeric(digits: string): number | bigint {
  return digits.length < 16 ? Number(digits) : BigInt(digits);
}
