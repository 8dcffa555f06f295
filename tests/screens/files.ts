import { join, resolve } from 'node:path';
import type { Size } from '../../apps/console/kit/frame.ts';

/** Sizes in which every screen is tested: the smallest, and a large one. */
export const SIZES: readonly Size[] = [
  { columns: 80, rows: 24 },
  { columns: 132, rows: 43 },
];

/** The document with the pictures of the consoles. */
export const DOCUMENT = resolve(import.meta.dirname, '../../docs/consoles.md');

/** The document with the pictures of the installer. */
export const INSTALLING = resolve(import.meta.dirname, '../../docs/installing.md');

/** Returns the path of the picture of a screen. */
export function goldenFile(name: string, { columns, rows }: Size): string {
  return join(import.meta.dirname, 'golden', `${name}-${columns}x${rows}.txt`);
}
