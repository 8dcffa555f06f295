import type { OwnedDirectory } from './files.ts';
import type { Ownership } from './owner.ts';

/**
 * Owners and modes that directories end up with when several packages have them. As apk does it, the package with
 * the lowest owner decides (user first, then group), and of packages with that owner only what all permit is left.
 */
export class DirectoryOwners {
  readonly #owners = new Map<string, Ownership>();
  readonly #fixed: ReadonlyMap<string, Ownership>;

  /** @param fixed directories that were there before the first package, and stay as they are */
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

  /** What a directory that was added ends up with. */
  of(path: string): Ownership | undefined {
    return this.#fixed.get(path) ?? this.#owners.get(path);
  }
}

function isLower(a: Ownership, b: Ownership): boolean {
  return a.uid < b.uid || (a.uid === b.uid && a.gid < b.gid);
}
