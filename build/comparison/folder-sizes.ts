import type { ContentNode } from './content.ts';

/**
 * Sizes of folders: the bytes of all files in and below each, where a file of several names counts once.
 * @param depth levels of folders; what is deeper counts for those above it
 * @returns path → bytes; the empty path is all
 */
export function folderSizes(nodes: readonly ContentNode[], depth: number): Map<string, number> {
  const sizes = new Map<string, number>();
  for (const { path, type, size, sameAs } of nodes) {
    if (type !== 'file' || sameAs !== '') continue;
    const folders = path.split('/').slice(0, -1).slice(0, depth);
    for (let level = 0; level <= folders.length; level += 1) {
      const folder = folders.slice(0, level).join('/');
      sizes.set(folder, (sizes.get(folder) ?? 0) + size);
    }
  }
  return sizes;
}
