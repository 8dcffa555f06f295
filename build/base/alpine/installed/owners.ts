import { BuildError } from '../../../error.ts';
import { canonicalizeIdentity } from '../database/identity.ts';
import { parseAtom } from '../dependency/dependency.ts';
import { CHECKSUM, matchesVersion } from '../version/operator.ts';
import { filePath, type OwnedDirectory, type Ownership } from './files.ts';
import { type InstalledPackage, nameOfPackage } from './package.ts';

/**
 * Final owner and mode of directories that several packages have. As in apk, the lowest owner wins (user id first, then
 * group id), and the mode is the intersection of the modes in all packages with that owner.
 */
export class DirectoryOwners {
  readonly #owners = new Map<string, Ownership>();
  readonly #fixed: ReadonlyMap<string, Ownership>;

  /** @param fixed directories that existed before the first package; their owner and mode do not change */
  constructor(fixed: Iterable<readonly [path: string, ownership: Ownership]> = []) {
    this.#fixed = new Map(fixed);
  }

  add({ path, ownership }: Pick<OwnedDirectory, 'path' | 'ownership'>): void {
    const known = this.#owners.get(path);
    if (known === undefined || isLower(ownership, known)) this.#owners.set(path, ownership);
    else if (known.uid === ownership.uid && known.gid === ownership.gid) {
      this.#owners.set(path, { ...known, mode: known.mode & ownership.mode });
    }
  }

  /** Returns the final owner and mode of a directory that was added. */
  of(path: string): Ownership | undefined {
    return this.#fixed.get(path) ?? this.#owners.get(path);
  }
}

function isLower(a: Ownership, b: Ownership): boolean {
  return a.uid < b.uid || (a.uid === b.uid && a.gid < b.gid);
}

/** Tracks which package owns each file while packages are installed one after another. */
export class FileOwners {
  readonly #owners = new Map<string, InstalledPackage>();
  /** Package → paths that other packages have taken over from it. */
  readonly #lost = new Map<InstalledPackage, Set<string>>();

  /**
   * Claims all files of a package. If two packages have the same file, the owner is chosen as in apk: a package of the
   * same origin takes the file over; otherwise the package whose `replaces` matches the other owns it; if both match,
   * the one with the higher priority, or at equal priority the later one.
   * @returns the paths of its files that other packages own
   * @throws BuildError if neither package replaces the other
   */
  claim(claimant: InstalledPackage): ReadonlySet<string> {
    const denied = new Set<string>();
    for (const directory of claimant.record.directories) {
      for (const file of directory.files) {
        const path = filePath(directory, file);
        const owner = this.#owners.get(path);
        if (owner === undefined || this.#takesOver(claimant, owner, path)) {
          if (owner !== undefined) this.#lose(owner, path);
          this.#owners.set(path, claimant);
        } else denied.add(path);
      }
    }
    if (denied.size > 0) this.#lost.set(claimant, denied);
    return denied;
  }

  /** Returns the files that a package owns in the end. */
  remaining(installed: InstalledPackage): readonly OwnedDirectory[] {
    const lost = this.#lost.get(installed);
    const { directories } = installed.record;
    if (lost === undefined) return directories;
    return directories.map((directory) => ({
      ...directory,
      files: directory.files.filter((file) => !lost.has(filePath(directory, file))),
    }));
  }

  #takesOver(claimant: InstalledPackage, owner: InstalledPackage, path: string): boolean {
    const origin = claimant.fields.get('o') ?? '';
    if (origin !== '' && origin === owner.fields.get('o')) return true;
    const own = this.#priority(claimant, owner);
    const others = this.#priority(owner, claimant);
    if (others > own) return false;
    if (own >= 0) return true;
    throw new BuildError({
      what: `packages ${nameOfPackage(owner)} and ${nameOfPackage(claimant)} both have ${path}, and neither replaces the other`,
      fix: 'Leave one of them out.',
    });
  }

  /** Returns the package's priority, or -1 if it does not replace the other. */
  #priority({ record }: InstalledPackage, other: InstalledPackage): number {
    const replaces = record.replaces.some((dependency) =>
      matchesReplaces(dependency, other.fields),
    );
    return replaces ? record.replacesPriority : -1;
  }

  #lose(owner: InstalledPackage, path: string): void {
    const lost = this.#lost.get(owner);
    if (lost === undefined) this.#lost.set(owner, new Set([path]));
    else lost.add(path);
  }
}

/**
 * Whether an entry of `replaces` matches another package by that package's own name and version; names that it provides
 * do not count.
 * @param dependency such as `busybox<1.36`
 * @param fields fields of the other package
 */
export function matchesReplaces(dependency: string, fields: ReadonlyMap<string, string>): boolean {
  const atom = parseAtom(dependency, (name) => name);
  if (atom === undefined || atom.conflict || atom.name !== fields.get('P')) return false;
  const { operator, version = '' } = atom;
  if (operator === CHECKSUM) {
    return canonicalizeIdentity(version) === canonicalizeIdentity(fields.get('C') ?? '');
  }
  return matchesVersion(fields.get('V') ?? '', operator, version);
}
