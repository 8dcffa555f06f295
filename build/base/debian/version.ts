/** How two versions relate: the first is less (-1), equal (0) or greater (1). */
type Relation = -1 | 0 | 1;

/** Relations of a control file (Debian Policy 7.1): `<<` is strictly less. */
const RELATIONS: Readonly<Record<string, (relation: Relation) => boolean>> = {
  '<<': (relation) => relation < 0,
  '<=': (relation) => relation <= 0,
  '=': (relation) => relation === 0,
  '>=': (relation) => relation >= 0,
  '>>': (relation) => relation > 0,
};

/**
 * Whether two versions satisfy a relation of a control file.
 * @param relation `<<`, `<=`, `=`, `>=` or `>>`
 * @returns false for any other relation
 */
export function isRelated(version: string, relation: string, other: string): boolean {
  return RELATIONS[relation]?.(compareDebianVersions(version, other)) ?? false;
}

/**
 * Compares two versions as dpkg does (deb-version(7)): epoch, upstream version, revision.
 * @returns -1 if the first is less, 0 if they are equal, 1 if it is greater
 */
export function compareDebianVersions(a: string, b: string): Relation {
  const [one, other] = [splitVersion(a), splitVersion(b)];
  for (const [index, part] of one.entries()) {
    const relation = compareParts(part, other[index] ?? '');
    if (relation !== 0) return relation;
  }
  return 0;
}

/** Splits a version: `1:2.36-9` → `1`, `2.36`, `9`. Missing parts are equivalent to `0`. */
function splitVersion(version: string): [epoch: string, upstream: string, revision: string] {
  const colon = version.indexOf(':');
  const rest = version.slice(colon + 1);
  const dash = rest.lastIndexOf('-');
  const epoch = version.slice(0, Math.max(colon, 0));
  return dash < 0 ? [epoch, rest, ''] : [epoch, rest.slice(0, dash), rest.slice(dash + 1)];
}

/** Compares runs of non-digits and runs of digits in turn, until two differ. */
function compareParts(a: string, b: string): Relation {
  const [one, other] = [runsOf(a), runsOf(b)];
  for (let index = 0; index < Math.max(one.length, other.length); index += 1) {
    const [left, right] = [one[index], other[index]];
    const relation =
      compareWords(left?.word ?? '', right?.word ?? '') ||
      compareDigits(left?.digits ?? '', right?.digits ?? '');
    if (relation !== 0) return relation;
  }
  return 0;
}

/** Splits a part into runs, each of non-digits followed by digits: `2.36~rc1` → `` 2, `.` 36, `~rc` 1. */
function runsOf(part: string): { word: string; digits: string }[] {
  const runs = part.matchAll(/([^0-9]*)([0-9]*)/g);
  return [...runs]
    .filter(([whole]) => whole !== '')
    .map(([, word = '', digits = '']) => ({ word, digits }));
}

/** Compares runs of non-digits: `~` sorts before the end, the end before letters, letters before the rest. */
function compareWords(a: string, b: string): Relation {
  for (let index = 0; index < Math.max(a.length, b.length); index += 1) {
    const difference = weightOf(a[index]) - weightOf(b[index]);
    if (difference !== 0) return difference < 0 ? -1 : 1;
  }
  return 0;
}

function weightOf(character: string | undefined): number {
  if (character === undefined) return 0;
  if (character === '~') return -1;
  return character.charCodeAt(0) + (/[A-Za-z]/.test(character) ? 0 : 0x1_0000);
}

/** Compares numbers of any length. */
function compareDigits(a: string, b: string): Relation {
  const [one, other] = [a.replace(/^0+/, ''), b.replace(/^0+/, '')];
  if (one.length !== other.length) return one.length < other.length ? -1 : 1;
  return one < other ? -1 : one > other ? 1 : 0;
}
