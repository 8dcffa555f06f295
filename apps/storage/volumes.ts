import { constants } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pool } from '../api/storage.ts';
import { HEAD, volumeFormat } from './volume-format.ts';

export type Volume = Pool['volumes'][number];

/** Folders below a pool's own that are looked into, and entries that are looked at: a pool may hold anything. */
const DEPTH = 3;
const ENTRIES = 20_000;

/** In folders of a pool only files with these names count, so that no database is taken for volumes. */
const IMAGE = /\.(qcow2?|raw|img|iso)$/i;

/** What is listed. */
export interface VolumeFolder {
  /** The pool's folder. */
  folder: string;
  /** Folders on which something else is mounted, which is a pool of its own. */
  others: ReadonlySet<string>;
  signal?: AbortSignal | undefined;
}

/**
 * Volumes of a folder: its files, and images in folders below. Links are not followed, hidden files are left out, and
 * what vanishes meanwhile is not there.
 * @throws Error of the system if the folder itself cannot be read
 */
export async function listVolumes({ folder, others, signal }: VolumeFolder): Promise<Volume[]> {
  const volumes: Volume[] = [];
  let left = ENTRIES;
  const waiting = [{ path: folder, prefix: '', depth: 0 }];
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const { path, prefix, depth } = next;
    const entries = await present(readdir(path, { withFileTypes: true }), depth > 0);
    for (const entry of entries ?? []) {
      signal?.throwIfAborted();
      left -= 1;
      if (left < 0) return volumes;
      const place = join(path, entry.name);
      const name = prefix + entry.name;
      if (entry.name.startsWith('.') || entry.name === 'lost+found') continue;
      if (entry.isDirectory() && depth < DEPTH && !others.has(place)) {
        waiting.push({ path: place, prefix: `${name}/`, depth: depth + 1 });
      } else if (entry.isFile() && (depth === 0 || IMAGE.test(entry.name))) {
        const volume = await present(readVolume(place, name), true);
        if (volume !== undefined) volumes.push(volume);
      }
    }
  }
  return volumes.sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function readVolume(path: string, name: string): Promise<Volume> {
  // Not waiting for a writer, should the file have become a pipe meanwhile.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  await using file = await open(path, flags);
  const { size, blocks } = await file.stat();
  const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(HEAD), position: 0 });
  const head = buffer.subarray(0, bytesRead);
  return { name, path, allocated: blocks * 512, ...volumeFormat({ name, size, head }) };
}

const GONE: readonly string[] = ['ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES'];

/** What is not there, or not any more, is `undefined` if it may be so. */
async function present<T>(work: Promise<T>, mayBeGone: boolean): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (mayBeGone && GONE.includes(code)) return undefined;
    throw error;
  }
}
