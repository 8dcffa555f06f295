import type { DirectoryEntry, Entry } from '../../build/tree/entry.ts';
import { getParent } from '../../build/tree/path.ts';
import { matchPaths } from '../../build/tree/path-patterns.ts';

/**
 * Returns the entries of a package for a system with a merged `/usr`: at their final paths, without dropped ones, each
 * path once and after its folders.
 * @param drop as `drop` of a profile
 */
export function laidOut(entries: readonly Entry[], drop: readonly string[] = []): Entry[] {
  const isDropped = matchPaths(drop);
  const placed = new Map<string, Entry>();
  for (const entry of entries.filter((one) => !isMergedLink(one)).map(merged)) {
    if (entry.path !== '' && !isDropped(entry.path)) placed.set(entry.path, entry);
  }
  return withFolders([...placed.values()]);
}

/** Returns entries in the order of a package: folders before their contents, hard links last. Adds missing folders. */
export function withFolders(entries: readonly Entry[]): Entry[] {
  const placed = new Map(entries.map((entry) => [entry.path, entry]));
  for (const { path } of entries) {
    for (let parent = getParent(path); parent !== ''; parent = getParent(parent)) {
      if (!placed.has(parent)) placed.set(parent, folder(parent));
    }
  }
  return [...placed.values()].sort(byPlace);
}

/** Returns an entry at its final path if `/bin`, `/sbin`, `/lib` and `/lib64` are links into `/usr`. */
function merged(entry: Entry): Entry {
  const path = mergedPath(entry.path);
  return entry.type === 'hardlink'
    ? { ...entry, path, target: mergedPath(entry.target) }
    : { ...entry, path };
}

/** Whether an entry is a link of the merged `/usr`. Debian 13 ships these links; here, the skeleton has them. */
function isMergedLink({ type, path }: Entry): boolean {
  return type === 'symlink' && /^(?:bin|sbin|lib|lib64)$/.test(path);
}

function mergedPath(path: string): string {
  return path.replace(/^(?:bin|sbin|lib|lib64)(?=\/|$)/, 'usr/$&');
}

function folder(path: string): DirectoryEntry {
  return { type: 'directory', path, mode: 0o755, uid: 0, gid: 0, origin: 'fixture' };
}

function byPlace(a: Entry, b: Entry): number {
  const last = Number(a.type === 'hardlink') - Number(b.type === 'hardlink');
  if (last !== 0) return last;
  const [left, right] = [a.path.replaceAll('/', '\0'), b.path.replaceAll('/', '\0')];
  return left < right ? -1 : left > right ? 1 : 0;
}
