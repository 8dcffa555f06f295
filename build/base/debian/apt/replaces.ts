import { isRelated } from '../version.ts';
import { requireField, type Stanza } from './stanza.ts';

/**
 * Finds out which packages may overwrite files of which other packages (`Replaces`, Debian Policy 7.6.1).
 * @param packages all packages that are installed together
 * @returns name of a package → sorted names of the packages whose files it overwrites
 */
export function findReplaced(packages: readonly Stanza[]): Map<string, string[]> {
  const versions = new Map(
    packages.map((one) => [requireField(one, 'package'), requireField(one, 'version')]),
  );
  const replaced = new Map<string, string[]>();
  for (const stanza of packages) {
    const own = requireField(stanza, 'package');
    const names = new Set<string>();
    for (const { name, relation, version } of parseReplaces(stanza.get('replaces') ?? '')) {
      const present = versions.get(name);
      if (present === undefined || name === own) continue;
      if (relation === '' || isRelated(present, relation, version)) names.add(name);
    }
    if (names.size > 0) replaced.set(own, [...names].sort());
  }
  return replaced;
}

/** Parses the packages of a field such as `a, b (<< 1.2), c:any (= 3)`. */
function parseReplaces(field: string): { name: string; relation: string; version: string }[] {
  return field.split(',').flatMap((part) => {
    const match = /^\s*([^\s(:]+)(?::\S+)?\s*(?:\(\s*(<<|<=|=|>=|>>)\s*([^\s)]+)\s*\))?\s*$/.exec(
      part,
    );
    const [, name, relation = '', version = ''] = match ?? [];
    return name === undefined ? [] : [{ name, relation, version }];
  });
}
