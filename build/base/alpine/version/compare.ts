import { isLeadingZeros, Kind, type Token, tokens } from './token.ts';

/** How two versions relate: the first is less (-1), equal (0) or greater (1). */
export type Relation = -1 | 0 | 1;

/**
 * Compares two versions as apk-tools 2.14 does; of an invalid version, its valid beginning is compared.
 * @returns -1 if the first is less, 1 if it is greater
 */
export function compareVersions(a: string, b: string): Relation {
  return a === b ? 0 : compareTokens(tokens(a), tokens(b));
}

/**
 * Compares a version with the beginning of versions that `~` names: `1.2.3-r4` is equal to `1.2`, `1.2.3`
 * and `1.2.3-r4`, and less than `1.3`.
 */
export function compareWithPrefix(version: string, prefix: string): Relation {
  if (version === prefix) return 0;
  const [parts, wanted] = [tokens(version), tokens(prefix)];
  const last = wanted.length - 1;
  const begins =
    wanted[last]?.kind === Kind.end &&
    wanted.slice(0, last).every((token, index) => sameToken(token, parts[index])) &&
    !endsWithinNumber(wanted[last - 1], parts[last]);
  return begins ? 0 : compareTokens(parts, wanted);
}

/** Whether a prefix that ends with zeros ends before the rest of the same number: `1.0` within `1.01`. */
function endsWithinNumber(prefixEnd: Token | undefined, next: Token | undefined): boolean {
  if (prefixEnd === undefined || !isLeadingZeros(prefixEnd)) return false;
  return next?.kind === Kind.digits && next.value !== 0;
}

function sameToken(a: Token, b: Token | undefined): boolean {
  return a.kind === b?.kind && a.value === b.value;
}

function compareTokens(a: readonly Token[], b: readonly Token[]): Relation {
  for (let index = 0; ; index += 1) {
    const [one, other] = [a[index], b[index]];
    if (one === undefined || other === undefined) return 0;
    if (one.kind !== other.kind) return relationOfKinds(one, other);
    if (one.value < other.value) return -1;
    if (one.value > other.value) return 1;
  }
}

/** The order of two versions that are equal up to parts of different kinds. */
function relationOfKinds(a: Token, b: Token): Relation {
  if (isPrerelease(a)) return -1;
  if (isPrerelease(b)) return 1;
  return a.kind > b.kind ? -1 : 1;
}

function isPrerelease({ kind, value }: Token): boolean {
  return kind === Kind.suffix && typeof value === 'number' && value < 0;
}

const VERSION =
  /^[0-9]+(?:\.[0-9]+)*[a-z]?(?:_(?:alpha|beta|pre|rc|cvs|svn|git|hg|p)[0-9]*)*(?:~[0-9a-f]+)?(?:-r[0-9]+)?$/;

/**
 * Whether text is a version by the rules of apk-tools 3, which are stricter than those of 2.14:
 * `digits{.digits}[letter]{_suffix[number]}[~hash][-rNUMBER]`, nothing empty.
 */
export function isValidVersion(text: string): boolean {
  return VERSION.test(text);
}
