/**
 * Kinds of parts of a version, in the order in which they may follow one another. If two versions are equal up to parts
 * of different kinds, the one whose part is of the later kind is less, except for `_alpha`, `_beta`, `_pre` and `_rc`,
 * which come before everything.
 */
export const Kind = {
  /** The first number. */
  number: 0,
  /** A number after a dot. */
  fraction: 1,
  letter: 2,
  suffix: 3,
  suffixNumber: 4,
  hash: 5,
  revision: 6,
  end: 7,
  /** Not allowed at this position; nothing is read after it. */
  invalid: 8,
} as const;

/** One of the kinds. */
export type KindOf = (typeof Kind)[keyof typeof Kind];

/** Suffixes in their order. Negative: less than a version without a suffix. */
const SUFFIXES: ReadonlyMap<string, number> = new Map([
  ['alpha', -4],
  ['beta', -3],
  ['pre', -2],
  ['rc', -1],
  ['cvs', 1],
  ['svn', 2],
  ['git', 3],
  ['hg', 4],
  ['p', 5],
]);

const DOT = 0x2e;
const MINUS = 0x2d;
const UNDERSCORE = 0x5f;
const TILDE = 0x7e;
const ZERO = 0x30;
const NINE = 0x39;
const A = 0x61;
const F = 0x66;
const Z = 0x7a;

/**
 * Reads the parts of a version as apk-tools 3 does: `digits{.digits}[letter]{_suffix[digits]}[~hash][-rDIGITS]`, then a
 * part of kind `end`. Of an invalid version, it reads the parts of the valid beginning, then `invalid`.
 */
export class VersionReader {
  /** The current part. */
  kind: KindOf = Kind.number;
  /** For a suffix, its rank: negative if a version with it is less than the same version without it. */
  suffix = 0;
  readonly #text: string;
  #start = 0;
  #end = 0;

  /** Reads the first part. @param text the version */
  constructor(text: string) {
    this.#text = text;
    this.#take(Kind.number, 0, isDigit);
  }

  /** The current part, without the character before it. */
  get value(): string {
    return this.#text.slice(this.#start, this.#end);
  }

  /** Whether the current part begins with the digit 0. */
  get hasLeadingZero(): boolean {
    return this.#text.charCodeAt(this.#start) === ZERO;
  }

  /** Reads the next part; not to be called after `end` or `invalid`. */
  next(): void {
    const [at, before] = [this.#end, this.kind];
    if (at === this.#text.length) {
      this.kind = Kind.end;
      return;
    }
    const sign = this.#text.charCodeAt(at);
    if (sign === DOT && before <= Kind.fraction) this.#take(Kind.fraction, at + 1, isDigit);
    else if (sign === UNDERSCORE && before <= Kind.suffixNumber) this.#takeSuffix(at + 1);
    else if (sign === TILDE && before < Kind.hash) this.#take(Kind.hash, at + 1, isHexDigit);
    else if (sign === MINUS && before < Kind.revision && this.#text[at + 1] === 'r')
      this.#take(Kind.revision, at + 2, isDigit);
    else if (isLetter(sign) && before <= Kind.fraction) this.#takeLetter(at);
    else if (isDigit(sign) && before === Kind.suffix) this.#take(Kind.suffixNumber, at, isDigit);
    else this.kind = Kind.invalid;
  }

  /** Reads one or more characters of a kind. */
  #take(kind: KindOf, from: number, belongs: (code: number) => boolean): void {
    let end = from;
    while (end < this.#text.length && belongs(this.#text.charCodeAt(end))) end += 1;
    this.kind = end === from ? Kind.invalid : kind;
    this.#start = from;
    this.#end = end;
  }

  #takeLetter(at: number): void {
    this.kind = Kind.letter;
    this.#start = at;
    this.#end = at + 1;
  }

  #takeSuffix(from: number): void {
    this.#take(Kind.suffix, from, isLetter);
    const suffix = SUFFIXES.get(this.value);
    if (suffix === undefined) this.kind = Kind.invalid;
    else this.suffix = suffix;
  }
}

function isDigit(code: number): boolean {
  return code >= ZERO && code <= NINE;
}

function isLetter(code: number): boolean {
  return code >= A && code <= Z;
}

function isHexDigit(code: number): boolean {
  return isDigit(code) || (code >= A && code <= F);
}
