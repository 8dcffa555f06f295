import { compareVersions, compareWithPrefix } from './compare.ts';

/** Possible relations of a version to the operand; bits of an operator. */
export const EQUAL = 1;
export const LESS = 2;
export const GREATER = 4;
/** The operand is a prefix of versions. */
export const FUZZY = 8;

/** Any version. */
export const ANY = EQUAL | LESS | GREATER;
/** The operand is a package's identity (`C:`), not a version. */
export const CHECKSUM = LESS | GREATER;

/** Operators as apk writes them, by their bits. */
const WRITTEN: ReadonlyMap<number, string> = new Map([
  [EQUAL, '='],
  [LESS, '<'],
  [LESS | EQUAL, '<='],
  [LESS | EQUAL | FUZZY, '<~'],
  [EQUAL | FUZZY, '~'],
  [GREATER, '>'],
  [GREATER | EQUAL, '>='],
  [GREATER | EQUAL | FUZZY, '>~'],
  [CHECKSUM, '><'],
  [ANY, ''],
]);

/**
 * Parses an operator: the signs `<`, `>`, `=`, `~`, in any order.
 * @returns its bits, or `undefined` if it is not an operator
 */
export function parseOperator(text: string): number | undefined {
  let operator = 0;
  for (const sign of text) {
    if (sign === '=') operator |= EQUAL;
    else if (sign === '<') operator |= LESS;
    else if (sign === '>') operator |= GREATER;
    else if (sign === '~') operator |= EQUAL | FUZZY;
    else return undefined;
  }
  return operator === 0 ? undefined : operator;
}

/** Formats an operator as apk does; empty for `ANY`. */
export function formatOperator(operator: number): string {
  return WRITTEN.get(operator) ?? '?';
}

/** Whether a version satisfies an operator and its operand: `1.2-r3` satisfies `>= 1.2` and `~ 1`. */
export function matchesVersion(version: string, operator: number, wanted: string): boolean {
  if ((operator & ANY) === ANY) return true;
  const compare = (operator & FUZZY) === 0 ? compareVersions : compareWithPrefix;
  const relation = compare(version, wanted);
  const bit = relation === 0 ? EQUAL : relation < 0 ? LESS : GREATER;
  return (operator & bit) !== 0;
}
