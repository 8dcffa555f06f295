import { BuildError } from '../error.ts';
import { conflict, isNameOf, sameNode, sameOwner } from './agree.ts';
import type { ContentReader } from './content.ts';
import type { Entry, FileEntry, SymlinkEntry } from './entry.ts';
import { checkLinkTarget, nameOf, parentOf } from './path.ts';

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
  /** Path of a file → paths of the hard links to it. */
  readonly #links = new Map<string, Set<string>>();
  readonly #reader: ContentReader;

  /** @param reader reads file contents; whoever makes it closes it */
  constructor(reader: ContentReader) {
    this.#reader = reader;
  }

  get size(): number {
    return this.#entries.size;
  }

  /**
   * Entries by name, directory by directory, parents before children: the same for the same content,
   * in whatever order it was added. The tree may be changed while the result is walked.
   */
  entries(): Entry[] {
    const sorted: Entry[] = [];
    const walk = (directory: string): void => {
      for (const name of this.names(directory)) {
        const entry = this.#entries.get(directory === '' ? name : `${directory}/${name}`);
        if (entry === undefined) continue;
        sorted.push(entry);
        if (entry.type === 'directory') walk(entry.path);
      }
    };
    walk('');
    return sorted;
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
    const path = this.#place(entry);
    if (path === '') return;
    const placed = this.#resolved(entry, path);
    const present = this.#entries.get(path);
    if (present === undefined) this.#set(placed);
    else if (!this.#agree(present, placed)) throw conflict(present, placed);
  }

  /**
   * Adds an entry in place of whatever is there, except that a directory with content stays a directory, and
   * that a directory does not replace a link to a directory (`lib` of an overlay under a merged `/usr`).
   * Other names of a replaced file keep what they hold.
   * @throws BuildError if something else than a directory would replace a directory with content
   */
  replace(entry: Entry): void {
    const path = this.#place(entry);
    if (path === '') return;
    const present = this.#entries.get(path);
    const placed = this.#resolved(entry, path);
    if (present === undefined) {
      this.#set(placed);
      return;
    }
    if (placed.type === 'directory' && this.#leadsToDirectory(present)) return;
    if (placed.type === 'hardlink' && isNameOf(present, placed.target)) return;
    if (
      present.type === 'directory' &&
      placed.type !== 'directory' &&
      this.names(path).length > 0
    ) {
      throw conflict(present, placed);
    }
    const keepsContent = present.type === 'directory' && placed.type === 'directory';
    if (!keepsContent) this.#unset(present);
    this.#set(placed);
  }

  /** Takes a path, and all below it, out of the tree. Names of a removed file that is also hard linked stay. */
  remove(path: string): void {
    const entry = this.#entries.get(path);
    if (entry === undefined) return;
    for (const name of this.names(path)) this.remove(`${path}/${name}`);
    this.#unset(entry);
  }

  /**
   * Follows every link on the way to a path, including its last part.
   * @returns the canonical path (empty for the root), or `undefined` if a part on the way does not exist or
   * links go in a circle
   */
  canonical(path: string): string | undefined {
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
      if (entry === undefined) return undefined;
      if (entry.type === 'symlink') {
        links += 1;
        if (links > MOST_LINKS) return undefined;
        if (entry.target.startsWith('/')) here = '';
        waiting.push(...entry.target.split('/').reverse());
      } else if (entry.type === 'directory' || waiting.every(isNothing)) {
        here = next;
      } else {
        return undefined;
      }
    }
    return here;
  }

  /** The canonical path of a new entry, with its parents made. */
  #place(entry: Entry): string {
    if (entry.type === 'symlink') checkLinkTarget(entry);
    if (entry.path === '' && entry.type !== 'directory') {
      throw new BuildError({
        what: `the root directory cannot be a ${entry.type}`,
        where: entry.origin,
        fix: 'The archive is damaged or hostile.',
      });
    }
    const parent = this.#directory(parentOf(entry.path), entry);
    const name = nameOf(entry.path);
    return parent === '' ? name : `${parent}/${name}`;
  }

  /** The entry under its canonical path; a hard link's target becomes the file itself. */
  #resolved(entry: Entry, path: string): Entry {
    if (entry.type !== 'hardlink') return path === entry.path ? entry : { ...entry, path };
    const file = this.lookup(entry.target);
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
    if (entry.type === 'hardlink') {
      const links = this.#links.get(entry.target);
      if (links === undefined) this.#links.set(entry.target, new Set([entry.path]));
      else links.add(entry.path);
    }
  }

  #unset(entry: Entry): void {
    this.#entries.delete(entry.path);
    this.#children.get(parentOf(entry.path))?.delete(nameOf(entry.path));
    if (entry.type === 'directory') this.#children.delete(entry.path);
    if (entry.type === 'hardlink') this.#links.get(entry.target)?.delete(entry.path);
    if (entry.type === 'file') this.#promoteHardLink(entry);
  }

  /** The first of a lost file's other names becomes the file, the rest links to it. */
  #promoteHardLink(file: FileEntry): void {
    const [heir, ...others] = [...(this.#links.get(file.path) ?? [])].sort();
    this.#links.delete(file.path);
    if (heir === undefined) return;
    this.#set({ ...file, path: heir });
    for (const path of others) {
      const link = this.#entries.get(path);
      if (link?.type === 'hardlink') this.#set({ ...link, target: heir });
    }
  }

  #leadsToDirectory(entry: Entry): boolean {
    if (entry.type !== 'symlink') return false;
    const canonical = this.canonical(entry.path);
    return canonical === '' || (canonical !== undefined && this.#children.has(canonical));
  }

  #agree(present: Entry, added: Entry): boolean {
    if (present.type === 'directory' && added.type === 'directory') {
      if (present.origin === IMPLIED) this.#entries.set(added.path, added);
      return true;
    }
    if (present.type === 'directory' && added.type === 'symlink') {
      return this.canonical(targetOf(added)) === present.path;
    }
    if (present.type === 'symlink' && added.type === 'directory') {
      return this.#leadsToDirectory(present);
    }
    if (added.type === 'hardlink') return isNameOf(present, added.target);
    const file = present.type === 'hardlink' ? this.#entries.get(present.target) : present;
    if (file?.type === 'file' && added.type === 'file') return this.#sameFile(file, added);
    return sameNode(present, added);
  }

  #sameFile(a: FileEntry, b: FileEntry): boolean {
    return sameOwner(a, b) && this.#reader.equal(a, b);
  }
}

/** Origin of a directory that nobody ships but something lies in. */
const IMPLIED = 'implied';

const isNothing = (part: string): boolean => part === '' || part === '.';

function targetOf(link: SymlinkEntry): string {
  return link.target.startsWith('/') ? link.target : `${parentOf(link.path)}/${link.target}`;
}
