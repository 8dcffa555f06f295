import { BuildError } from '../error.ts';
import type { ContentReader } from './content.ts';
import type { DirectoryEntry, Entry, FileEntry } from './entry.ts';
import { nameOf, parentOf } from './path.ts';

/** Links followed before a chain counts as endless, as Linux does (`ELOOP`). */
const MOST_LINKS = 40;

/**
 * A root filesystem as a value: every path with its type, owner, mode and where its bytes are.
 *
 * Paths are canonical: adding `bin/ls` where `bin` is a link to `usr/bin` adds `usr/bin/ls`, as unpacking would.
 * Every entry's parents exist as directories; parents nobody ships are made 0755 root:root.
 */
export class Tree {
  readonly #entries = new Map<string, Entry>();
  readonly #children = new Map<string, Set<string>>([['', new Set()]]);
  readonly #reader: ContentReader;

  /** @param reader reads file contents; whoever makes it closes it */
  constructor(reader: ContentReader) {
    this.#reader = reader;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Entries sorted by path in byte order, parents before children: the same for the same content. */
  entries(): Entry[] {
    return [...this.#entries.values()].sort((a, b) => comparePaths(a.path, b.path));
  }

  /** The entry at exactly this canonical path; links are not followed. */
  at(path: string): Entry | undefined {
    return this.#entries.get(path);
  }

  /** Sorted names in a directory (canonical path; empty for the root). */
  names(directory: string): string[] {
    return [...(this.#children.get(directory) ?? [])].sort();
  }

  /**
   * What a program in the booted system would find at a path: links are followed, also in the middle,
   * and absolute targets start at the tree's root.
   * @param path absolute or relative to the root
   * @returns the entry (a hard link's file), or `undefined` if there is nothing
   */
  lookup(path: string): Entry | undefined {
    const canonical = this.canonical(path);
    const entry = canonical === undefined ? undefined : this.#entries.get(canonical);
    return entry?.type === 'hardlink' ? this.#entries.get(entry.target) : entry;
  }

  /** The regular file a program would read at a path, or `undefined`. */
  file(path: string): FileEntry | undefined {
    const entry = this.lookup(path);
    return entry?.type === 'file' ? entry : undefined;
  }

  /** Text of the regular file at a path, or `undefined` if there is none. */
  text(path: string): string | undefined {
    const file = this.file(path);
    return file === undefined ? undefined : this.#reader.text(file);
  }

  /** Bytes of a file of this tree. */
  bytes(entry: FileEntry): Buffer {
    return this.#reader.bytes(entry);
  }

  /** Copies part of a file of this tree: bytes `[from, from + into.length)`. */
  read(entry: FileEntry, from: number, into: Uint8Array): void {
    this.#reader.read(entry, from, into);
  }

  /**
   * Adds an entry that must not contradict what is there.
   * The same directory, the same link or a file with the same content may come twice; the first one stays.
   * @throws BuildError naming both origins if two of them claim one path differently
   */
  add(entry: Entry): void {
    const placed = this.#place(entry);
    const present = this.#entries.get(placed.path);
    if (present === undefined) this.#set(placed);
    else if (!this.#agree(present, placed)) throw conflict(present, placed);
  }

  /** Adds an entry in place of whatever is there, except that a directory with content stays a directory. */
  replace(entry: Entry): void {
    const placed = this.#place(entry);
    const present = this.#entries.get(placed.path);
    if (present?.type === 'directory' && placed.type !== 'directory') {
      if (this.names(placed.path).length > 0) throw conflict(present, placed);
    }
    this.#set(placed);
  }

  /** Takes a path, and all below it, out of the tree. Names of a removed file that is also hard linked stay. */
  remove(path: string): void {
    const entry = this.#entries.get(path);
    if (entry === undefined) return;
    for (const name of this.names(path)) this.remove(`${path}/${name}`);
    this.#children.delete(path);
    this.#children.get(parentOf(path))?.delete(nameOf(path));
    this.#entries.delete(path);
    if (entry.type === 'file') this.#promoteHardLink(entry);
  }

  /**
   * Follows every link on the way to a path, including its last part.
   * @returns the canonical path, or `undefined` if a part on the way does not exist or links go in a circle
   */
  canonical(path: string): string | undefined {
    return this.#follow(path, { followLast: true });
  }

  #follow(path: string, { followLast }: { followLast: boolean }): string | undefined {
    const waiting = path.split('/').reverse();
    let here = '';
    let links = 0;
    for (let part = waiting.pop(); part !== undefined; part = waiting.pop()) {
      if (part === '' || part === '.') continue;
      if (part === '..') {
        here = parentOf(here);
        continue;
      }
      const next = here === '' ? part : `${here}/${part}`;
      const entry = this.#entries.get(next);
      const last = waiting.every((rest) => rest === '' || rest === '.');
      if (entry?.type === 'symlink' && (followLast || !last)) {
        links += 1;
        if (links > MOST_LINKS) return undefined;
        if (entry.target.startsWith('/')) here = '';
        waiting.push(...entry.target.split('/').reverse());
      } else if (entry === undefined || (entry.type !== 'directory' && !last)) {
        return last && !followLast ? next : undefined;
      } else {
        here = next;
      }
    }
    return here;
  }

  /** The entry under its canonical path, with its parents made. */
  #place(entry: Entry): Entry {
    const parent = this.#directory(parentOf(entry.path), entry);
    const name = nameOf(entry.path);
    const path = parent === '' ? name : `${parent}/${name}`;
    if (entry.type !== 'hardlink') return path === entry.path ? entry : { ...entry, path };
    const target = this.canonical(entry.target);
    const linked = target === undefined ? undefined : this.#entries.get(target);
    const file = linked?.type === 'hardlink' ? this.#entries.get(linked.target) : linked;
    if (file?.type !== 'file') {
      throw new BuildError({
        what: `hard link ${entry.path} names ${entry.target}, which is not a file before it`,
        where: entry.origin,
        fix: 'The archive is damaged or hostile.',
      });
    }
    return { ...entry, path, target: file.path };
  }

  /** The canonical path of a directory; made, with its parents, if nothing is there. */
  #directory(path: string, child: Entry): string {
    if (path === '') return '';
    const canonical = this.canonical(path);
    if (canonical !== undefined) {
      const entry = this.#entries.get(canonical);
      if (canonical === '' || entry?.type === 'directory') return canonical;
      throw conflict(entry ?? child, child);
    }
    const present = this.#entries.get(path);
    if (present !== undefined) throw conflict(present, child);
    const parent = this.#directory(parentOf(path), child);
    const made = parent === '' ? nameOf(path) : `${parent}/${nameOf(path)}`;
    this.#set({
      type: 'directory',
      path: made,
      mode: 0o755,
      uid: 0,
      gid: 0,
      origin: IMPLIED,
    });
    return made;
  }

  #set(entry: Entry): void {
    this.#entries.set(entry.path, entry);
    this.#children.get(parentOf(entry.path))?.add(nameOf(entry.path));
    if (entry.type === 'directory' && !this.#children.has(entry.path)) {
      this.#children.set(entry.path, new Set());
    }
  }

  #agree(present: Entry, added: Entry): boolean {
    if (present.type === 'directory' && added.type === 'directory') {
      if (present.origin === IMPLIED) this.#entries.set(added.path, added);
      return true;
    }
    if (present.type === 'directory' && added.type === 'symlink') {
      return this.canonical(this.#targetOf(added)) === present.path;
    }
    if (present.type === 'symlink' && added.type === 'directory') {
      return this.lookup(present.path)?.type === 'directory';
    }
    if (present.type === 'symlink' && added.type === 'symlink') {
      return present.target === added.target;
    }
    if (present.type === 'file' && added.type === 'file') return this.#sameFile(present, added);
    return false;
  }

  #targetOf(link: Entry & { type: 'symlink' }): string {
    return link.target.startsWith('/') ? link.target : `${parentOf(link.path)}/${link.target}`;
  }

  #sameFile(a: FileEntry, b: FileEntry): boolean {
    return (
      a.size === b.size &&
      a.mode === b.mode &&
      a.uid === b.uid &&
      a.gid === b.gid &&
      this.#reader.bytes(a).equals(this.#reader.bytes(b))
    );
  }

  #promoteHardLink(file: FileEntry): void {
    let heir: FileEntry | undefined;
    for (const entry of this.#entries.values()) {
      if (entry.type !== 'hardlink' || entry.target !== file.path) continue;
      if (heir === undefined) {
        heir = { ...file, path: entry.path };
        this.#entries.set(heir.path, heir);
      } else {
        this.#entries.set(entry.path, { ...entry, target: heir.path });
      }
    }
  }
}

/** Origin of a directory that nobody ships but something lies in. */
const IMPLIED = 'implied';

function conflict(present: Entry | DirectoryEntry, added: Entry): BuildError {
  const where = present.path === added.path ? present.path : `${present.path}, ${added.path}`;
  return new BuildError({
    what: `${present.origin} (${present.type}) and ${added.origin} (${added.type}) both claim one path with different content`,
    where,
    fix: 'Leave one of them out in the profile, or let an overlay decide.',
  });
}

/** Byte order of `/`-separated paths in which a directory comes right before what is in it. */
function comparePaths(a: string, b: string): number {
  const left = a.replaceAll('/', '\0');
  const right = b.replaceAll('/', '\0');
  return left < right ? -1 : left > right ? 1 : 0;
}
