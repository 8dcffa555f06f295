import { damagedArchive } from '../archive/damaged.ts';

/** The fields of `.PKGINFO` that the index lacks; name and version are for messages. */
export interface PackageInfo {
  readonly name: string;
  readonly version: string;
  /** SHA-256 of the compressed data part, lower-case hex. */
  readonly datahash: string;
  /** Packages whose files this one may take over, as written in `.PKGINFO`: `a b<2`. */
  readonly replaces: readonly string[];
  /** Decides which of two packages that replace each other wins; 0 by default. */
  readonly replacesPriority: number;
  /** Patterns of directories that its `trigger` script watches. */
  readonly triggers: readonly string[];
}

/**
 * Parses a package's `.PKGINFO`: lines `key = value`, and comments that start with `#` (as abuild writes it). Other
 * keys are ignored, as in apk.
 * @param where the package, for messages
 * @throws BuildError if its name, its version or the hash of its data is missing or malformed
 */
export function parsePackageInfo(text: string, where: string): PackageInfo {
  const values = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const equals = line.startsWith('#') ? -1 : line.indexOf(' = ');
    if (equals < 0) continue;
    const key = line.slice(0, equals);
    values.set(key, [...(values.get(key) ?? []), line.slice(equals + 3)]);
  }
  const last = (key: string) => values.get(key)?.at(-1) ?? '';
  const priority = last('replaces_priority') || '0';
  if (!/^\d{1,9}$/.test(priority)) throw damagedArchive('replaces_priority is not a number', where);
  return {
    name: oneWord(last('pkgname'), 'pkgname', where),
    version: oneWord(last('pkgver'), 'pkgver', where),
    datahash: datahash(last('datahash').toLowerCase(), where),
    replaces: words((values.get('replaces') ?? []).join(' ')),
    replacesPriority: Number(priority),
    triggers: words(last('triggers')),
  };
}

function words(text: string): string[] {
  return text.split(' ').filter((word) => word !== '');
}

function oneWord(text: string, key: string, where: string): string {
  if (/^[^\s/]+$/.test(text)) return text;
  throw damagedArchive(`.PKGINFO has no usable ${key}`, where);
}

function datahash(hex: string, where: string): string {
  if (/^[0-9a-f]{64}$/.test(hex)) return hex;
  throw damagedArchive('.PKGINFO has no hash of its data (datahash)', where);
}
