import { canonicalIdentity } from '../database/identity.ts';
import { parseAtom } from '../dependency/dependency.ts';
import { CHECKSUM, matchesVersion } from '../version/operator.ts';

/**
 * Whether a `replaces` of a package means another one, by its own name and version; what it provides does not count.
 * @param dependency such as `busybox<1.36`
 * @param fields of the other package
 */
export function replacesMeans(dependency: string, fields: ReadonlyMap<string, string>): boolean {
  const atom = parseAtom(dependency, (name) => name);
  if (atom === undefined || atom.conflict || atom.name !== fields.get('P')) return false;
  const { operator, version = '' } = atom;
  if (operator === CHECKSUM) {
    return canonicalIdentity(version) === canonicalIdentity(fields.get('C') ?? '');
  }
  return matchesVersion(fields.get('V') ?? '', operator, version);
}
