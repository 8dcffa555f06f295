import { getParent, nameOf } from '../../../tree/path.ts';
import { damagedArchive } from '../archive/damaged.ts';
import type { TarHeader } from '../archive/tar-header.ts';
import type { OwnedDirectory, OwnedFile, Ownership } from '../installed/files.ts';
import type { OwnerNames } from './record.ts';

interface GrowingDirectory {
  path: string;
  ownership: Ownership;
  files: OwnedFile[];
}

/** Collects the files of a package in the order of its archive, and refuses what apk would not install. */
export class OwnedTree {
  readonly #where: string;
  readonly #directories = new Map<string, GrowingDirectory>();
  /** Tree path → SHA-1, for everything but directories; `undefined` for entries without a SHA-1. */
  readonly #files = new Map<string, string | undefined>();
  /** Tree paths of regular files, which hard links may point to. */
  readonly #regular = new Set<string>();
  /** Names of owners; see `PackageRecord`. */
  readonly owners = new Map<string, OwnerNames>();

  /** @param where the package, for messages */
  constructor(where: string) {
    this.#where = where;
  }

  get directories(): OwnedDirectory[] {
    return [...this.#directories.values()];
  }

  /** Adds a directory; if it occurs twice, the last owner and mode are used. */
  directory(path: string, header: TarHeader): void {
    const known = this.#directories.get(path);
    const ownership = ownershipOf(header);
    this.#name(path, header);
    if (known === undefined) this.#directories.set(path, { path, ownership, files: [] });
    else known.ownership = ownership;
  }

  /**
   * Adds anything other than a directory.
   * @param sha1 the checksum for the database
   * @throws BuildError if its directory does not precede it, or the path is taken
   */
  file(path: string, header: TarHeader, sha1: string | undefined): void {
    const directory = this.#directoryOf(path);
    if (this.#files.has(path) || this.#directories.has(path)) {
      throw damagedArchive(`${path} is in it twice`, this.#where);
    }
    directory.files.push({ name: nameOf(path), ownership: ownershipOf(header), sha1 });
    this.#files.set(path, sha1);
    this.#name(path, header);
    if (header.type === 'file') this.#regular.add(path);
  }

  /**
   * Returns the checksum of the file that a hard link points to.
   * @throws BuildError if no such file precedes it
   */
  linked(path: string, target: string): string | undefined {
    if (this.#regular.has(target)) return this.#files.get(target);
    throw damagedArchive(
      `hard link ${path} names ${target}, which is not a file before it`,
      this.#where,
    );
  }

  #name(path: string, { user, group }: TarHeader): void {
    const isRoot = [user, group].every((name) => name === '' || name === 'root');
    if (!isRoot) this.owners.set(path, { user, group });
    else this.owners.delete(path);
  }

  #directoryOf(path: string): GrowingDirectory {
    const parent = getParent(path);
    const known = this.#directories.get(parent);
    if (known !== undefined) return known;
    if (parent !== '') {
      throw damagedArchive(`the directory of ${path} does not come before it`, this.#where);
    }
    const root: GrowingDirectory = {
      path: '',
      ownership: { uid: 0, gid: 0, mode: 0o755 },
      files: [],
    };
    this.#directories.set('', root);
    return root;
  }
}

function ownershipOf({ uid, gid, mode, xattrs }: TarHeader): Ownership {
  return xattrs === undefined ? { uid, gid, mode } : { uid, gid, mode, xattrs };
}
