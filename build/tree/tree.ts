import { BuildError } from '../error.ts';
import { conflict, isNameOf, isSameNode, isSameOwner } from './agree.ts';
import type { ContentReader } from './content.ts';
import type { Entry, FileEntry, SymlinkEntry } from './entry.ts';
import { checkLinkTarget, getParent, nameOf } from './path.ts';

/** Number of links that are followed before a chain counts as endless, as in Linux (`ELOOP`). */
const MOST_LINKS = 40;

/**
 * A root filesystem as a value: every path with its type, owner, mode and the location of its bytes.
 *
 * Paths are canonical: adding `bin/ls` where `bin` is a link to `usr/bin` adds `usr/bin/ls`, as unpacking would.
 * The parents of every entry exist as directories; missing parents are added as 0755 root:root.
 */
export class Tree {
  readonly #entries = new Map<string, Entry>();
  readonly #children = new Map<string, Set<string>>([['', new Set()]]);
  /** Path of a file → paths of the hard links to it. */
  readonly #links = new Map<string, Set<string>>();
  readonly #reader: ContentReader;

  /** @param reader reads file contents; the caller closes it */
  constructor(reader: ContentReader) {
    this.#reader = reader;
  }

  get size(): number {
    return this.#entries.size;
  }

  /**
   * Returns all entries, directory by directory, sorted by name, parents before children: the order depends on the
   * content only, not on the order of additions. The tree may be changed while the result is iterated.
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

  /** Returns the entry at exactly this canonical path; links are not followed. */
  at(path: string): Entry | undefined {
    return this.#entries.get(path);
  }

  /** Returns the sorted names in a directory (canonical path; empty for the root). */
  names(directory: string): string[] {
    return [...(this.#children.get(directory) ?? [])].sort();
  }

  /**
   * Returns what a program in the booted system finds at a path: all links are followed, and absolute targets start at
   * the tree's root.
   * @param path absolute or relative to the root
   * @returns the entry (for a hard link, its file), or `undefined` if there is none
   */
  lookup(path: string): Entry | undefined {
    const canonical = this.canonical(path);
    const entry = canonical === undefined ? undefined : this.#entries.get(canonical);
    return entry?.type === 'hardlink' ? this.#entries.get(entry.target) : entry;
  }

  /** Returns the regular file that a program reads at a path, or `undefined`. */
  file(path: string): FileEntry | undefined {
    const entry = this.lookup(path);
    return entry?.type === 'file' ? entry : undefined;
  }

  /** Returns the text of the regular file at a path, or `undefined` if there is none. */
  text(path: string): string | undefined {
    const file = this.file(path);
    return file === undefined ? undefined : this.#reader.text(file);
  }

  /** Returns the content of a file of this tree. */
  bytes(entry: FileEntry): Buffer {
    return this.#reader.bytes(entry);
  }

  /** Copies bytes `[from, from + into.length)` of a file of this tree. */
  read(entry: FileEntry, from: number, into: Uint8Array): void {
    this.#reader.read(entry, from, into);
  }

  /**
   * Adds an entry that must not conflict with an existing one.
   * The same directory, the same link or a file with the same content may be added again; the first one stays.
   * @throws BuildError naming both origins if they add different entries at one path
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
   * Adds an entry in place of an existing one, with two exceptions: a directory with content stays a directory, and a
   * directory does not replace a link to a directory (`lib` of an overlay under a merged `/usr`).
   * Hard links to a replaced file keep its content.
   * @throws BuildError if anything but a directory would replace a directory with content
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

  /** Removes a path and everything below it. Hard links to a removed file stay. */
  remove(path: string): void {
    const entry = this.#entries.get(path);
    if (entry === undefined) return;
    for (const name of this.names(path)) this.remove(`${path}/${name}`);
    this.#unset(entry);
  }

  /**
   * Follows all links in a path, including its last part.
   * @returns the canonical path (empty for the root), or `undefined` if a part of the path does not exist or links form
   *   a cycle
   */
  canonical(path: string): string | undefined {
    const waiting = path.split('/').reverse();
    let here = '';
    let links = 0;
    for (let part = waiting.pop(); part !== undefined; part = waiting.pop()) {
      if (part === '' || part === '.') continue;
      if (part === '..') {
        here = getParent(here);
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

  /** Returns the canonical path of a new entry, and adds its parents. */
  #place(entry: Entry): string {
    if (entry.type === 'symlink') checkLinkTarget(entry);
    if (entry.path === '' && entry.type !== 'directory') {
      throw new BuildError({
        what: `the root directory cannot be a ${entry.type}`,
        where: entry.origin,
        fix: 'The archive is damaged or hostile.',
      });
    }
    const parent = this.#directory(getParent(entry.path), entry);
    const name = nameOf(entry.path);
    return parent === '' ? name : `${parent}/${name}`;
  }

  /** Returns the entry with its canonical path; the target of a hard link becomes the file itself. */
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

  /** Returns the canonical path of a directory; adds it, with its parents, if nothing is there. */
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
    const parent = this.#directory(getParent(path), child);
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
    this.#children.get(getParent(entry.path))?.add(nameOf(entry.path));
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
    this.#children.get(getParent(entry.path))?.delete(nameOf(entry.path));
    if (entry.type === 'directory') this.#children.delete(entry.path);
    if (entry.type === 'hardlink') this.#links.get(entry.target)?.delete(entry.path);
    if (entry.type === 'file') this.#promoteHardLink(entry);
  }

  /** Turns the first hard link of a removed file into the file; the others become links to it. */
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
    return isSameNode(present, added);
  }

  #sameFile(a: FileEntry, b: FileEntry): boolean {
    return isSameOwner(a, b) && this.#reader.equal(a, b);
  }
}

/** Origin of a directory that was added only as the parent of another entry. */
const IMPLIED = 'implied';

const isNothing = (part: string): boolean => part === '' || part === '.';

function targetOf(link: SymlinkEntry): string {
  return link.target.startsWith('/') ? link.target : `${getParent(link.path)}/${link.target}`;
}
