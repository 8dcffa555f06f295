import { BuildError } from '../../../error.ts';
import { parseTreePath } from '../../../tree/path.ts';
import { decodeChecksum, formatChecksum } from '../checksum.ts';

/** Owner and permissions as recorded in the installed database. */
export interface Ownership {
  readonly uid: number;
  readonly gid: number;
  /** 0 to 0o7777. */
  readonly mode: number;
  /** SHA-1 of the extended attributes, lower-case hex; absent if there are none. */
  readonly xattrs?: string | undefined;
}

/** Default owner and mode, which the database omits. */
const DEFAULT_DIRECTORY: Ownership = { uid: 0, gid: 0, mode: 0o755 };
const DEFAULT_FILE: Ownership = { uid: 0, gid: 0, mode: 0o644 };

/** Whether two owners and permissions are equal in all fields. */
function sameOwnership(a: Ownership, b: Ownership): boolean {
  return a.uid === b.uid && a.gid === b.gid && a.mode === b.mode && a.xattrs === b.xattrs;
}

/** A file, link or device of a package. */
export interface OwnedFile {
  /** Name without its directory. */
  readonly name: string;
  readonly ownership: Ownership;
  /** SHA-1 of the content, or of a symbolic link's target, lower-case hex; undefined for devices and pipes. */
  readonly sha1: string | undefined;
}

/** A directory of a package with the package's files in it, in the order of the archive. */
export interface OwnedDirectory {
  /** Tree path; empty for the root. */
  readonly path: string;
  readonly ownership: Ownership;
  readonly files: readonly OwnedFile[];
}

/** Returns the tree path of a file. */
export function filePath(
  directory: Pick<OwnedDirectory, 'path'>,
  file: Pick<OwnedFile, 'name'>,
): string {
  return directory.path === '' ? file.name : `${directory.path}/${file.name}`;
}

/**
 * Formats the lines of the installed database that list a package's files: `F:` a directory, `M:` its owner and mode,
 * `R:` a file in it, `a:` its owner and mode, `Z:` its checksum. Default owners and modes are omitted.
 */
export function formatFiles(directories: readonly OwnedDirectory[]): string {
  return directories.map(formatDirectory).join('');
}

function formatDirectory({ path, ownership, files }: OwnedDirectory): string {
  const unusual = !sameOwnership(ownership, DEFAULT_DIRECTORY);
  const own = `F:${path}\n${unusual ? `M:${formatOwnership(ownership)}\n` : ''}`;
  return own + files.map(formatFile).join('');
}

function formatFile({ name, ownership, sha1 }: OwnedFile): string {
  const unusual = !sameOwnership(ownership, DEFAULT_FILE);
  const checksum = sha1 === undefined ? '' : `Z:${formatChecksum(sha1)}\n`;
  return `R:${name}\n${unusual ? `a:${formatOwnership(ownership)}\n` : ''}${checksum}`;
}

function formatOwnership({ uid, gid, mode, xattrs }: Ownership): string {
  const attributes = xattrs === undefined ? '' : `:${formatChecksum(xattrs)}`;
  return `${uid}:${gid}:${mode.toString(8)}${attributes}`;
}

/** Input of `parseFiles`. */
export interface FileLines {
  /** Lines of a stanza; lines that are not about files are skipped. */
  readonly text: string;
  /** Number of the first line, from 1. */
  readonly line: number;
  /** The database, for messages. */
  readonly where: string;
}

/**
 * Parses the output of `formatFiles`.
 * @throws BuildError naming the line that is malformed, in the wrong place, or has a path outside the root
 */
export function parseFiles({ text, line, where }: FileLines): OwnedDirectory[] {
  const parser = new FilesParser(where, line);
  for (const row of text.split('\n')) parser.take(row);
  return parser.directories;
}

interface GrowingDirectory {
  path: string;
  ownership: Ownership;
  files: OwnedFile[];
}

class FilesParser {
  readonly directories: GrowingDirectory[] = [];
  readonly #where: string;
  #line: number;

  constructor(where: string, line: number) {
    this.#where = where;
    this.#line = line - 1;
  }

  take(row: string): void {
    this.#line += 1;
    const value = row.slice(2);
    const directory = this.directories.at(-1);
    switch (row[0]) {
      case 'F':
        this.directories.push({ path: this.#path(value), ownership: DEFAULT_DIRECTORY, files: [] });
        break;
      case 'M':
        this.#present(directory).ownership = this.#ownership(value);
        break;
      case 'R':
        this.#present(directory).files.push(this.#file(value));
        break;
      case 'a':
        this.#change({ ownership: this.#ownership(value) });
        break;
      case 'Z':
        this.#change({ sha1: decodeChecksum(value, `${this.#where}, line ${this.#line}`) });
        break;
    }
  }

  #path(value: string): string {
    const path = parseTreePath(value, this.#where);
    return path === value ? path : this.#refuse();
  }

  #file(name: string): OwnedFile {
    if (this.#path(name) === '' || name.includes('/')) return this.#refuse();
    return { name, ownership: DEFAULT_FILE, sha1: undefined };
  }

  #change(change: Partial<OwnedFile>): void {
    const { files } = this.#present(this.directories.at(-1));
    files.push({ ...this.#present(files.pop()), ...change });
  }

  #ownership(value: string): Ownership {
    const match = /^(\d{1,10}):(\d{1,10}):([0-7]{1,4})(?::(Q1.+))?$/.exec(value);
    if (match === null) return this.#refuse();
    const [, uid, gid, mode = '', xattrs] = match;
    const own = { uid: Number(uid), gid: Number(gid), mode: Number.parseInt(mode, 8) };
    return xattrs === undefined ? own : { ...own, xattrs: decodeChecksum(xattrs, this.#where) };
  }

  #present<T>(value: T | undefined): T {
    return value === undefined ? this.#refuse() : value;
  }

  #refuse(): never {
    throw new BuildError({
      what: `line ${this.#line} of an installed database does not belong there or is malformed`,
      where: this.#where,
      fix: 'The database is damaged.',
    });
  }
}
