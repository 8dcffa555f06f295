import { join } from 'node:path';
import type { Pool } from '../api/storage.ts';
import { readSpace } from '../host/file-system-space.ts';
import { type Mount, readMounts } from '../host/mounts.ts';
import { CommandError } from '../process/command-error.ts';
import { type Candidate, findCandidates } from './candidates.ts';
import type { PoolDeclaration } from './declaration.ts';
import { HangError, HangGuard } from './hang-guard.ts';
import { assess } from './health.ts';
import { readVolumeGroups } from './lvm.ts';
import { probe } from './probe.ts';
import { readUuid } from './superblock.ts';
import { listVolumes, type Volume } from './volumes.ts';

/** Milliseconds within which a file system answers that is well: for its space, then for its files. */
const SPACE_PATIENCE = 5_000;
const FILES_PATIENCE = 10_000;

/** Pools, and what kept others from being seen. */
export interface Storage {
  pools: Pool[];
  /** A line each. */
  problems: string[];
}

/** What a reader of storage pools looks at. */
export interface StorageOptions {
  declarations: readonly PoolDeclaration[];
  /** Folder in which proc and the pools' folders are; `/` if absent. */
  root?: string;
}

/** Finds the storage pools of this machine anew at each look; remembers nothing of them but which ones hang. */
export class StorageReader {
  readonly #declarations: readonly PoolDeclaration[];
  readonly #root: string;
  readonly #guard = new HangGuard();

  constructor({ declarations, root = '/' }: StorageOptions) {
    this.#declarations = declarations;
    this.#root = root;
  }

  async read(signal?: AbortSignal): Promise<Storage> {
    const mounts = await readMounts(this.#root);
    const candidates = findCandidates(mounts, this.#declarations);
    const problems: string[] = [];
    const [pools, groups] = await Promise.all([
      Promise.all(candidates.map((candidate) => this.#look(candidate, mounts, signal))),
      readVolumeGroups(signal).catch((error: unknown) => {
        signal?.throwIfAborted();
        problems.push(`volume groups cannot be read: ${words(error)}`);
        return [];
      }),
    ]);
    return { pools: distinct([...pools, ...groups]), problems };
  }

  async #look(
    { mount, isOurs, ...candidate }: Candidate,
    mounts: readonly Mount[],
    signal: AbortSignal | undefined,
  ): Promise<Pool> {
    const { kind, name, path, source } = candidate;
    if (mount === null || path === null) return { ...absent(candidate), id: candidate.id ?? name };
    const id = candidate.id ?? (await readUuid(join(this.#root, source))) ?? `path:${path}`;
    const about = { id, name, kind, path, source };
    const folder = join(this.#root, path);
    try {
      const space = await readSpace(folder, { timeout: SPACE_PATIENCE, signal });
      const { volumes, error } = await this.#guard.look(id, FILES_PATIENCE, async () => {
        const others = new Set(mounts.map((one) => join(this.#root, one.path)));
        return await readFiles({ folder, others, signal, isProbed: isOurs && !mount.readOnly });
      });
      return { ...about, ...space, ...assess({ space, readOnly: mount.readOnly, error }), volumes };
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof CommandError || error instanceof HangError)) throw error;
      return { ...about, ...NOTHING, health: 'failed', problem: `${source}: ${words(error)}` };
    }
  }
}

const NOTHING = { writable: false, total: 0, used: 0, available: 0, volumes: [] };

function absent({ kind, name, path, source }: Omit<Candidate, 'mount' | 'isOurs'>) {
  const place = kind === 'directory' ? 'is on no disk' : 'is not mounted';
  const problem = `${path ?? source} ${place}`;
  return { kind, name, path: null, source, ...NOTHING, health: 'unmounted' as const, problem };
}

interface Files {
  folder: string;
  others: ReadonlySet<string>;
  signal: AbortSignal | undefined;
  isProbed: boolean;
}

/** Volumes of a pool; with an error where the system would not write or list. */
async function readFiles({ isProbed, ...folder }: Files): Promise<{
  volumes: Volume[];
  error: Error | null;
}> {
  let volumes: Volume[] = [];
  try {
    volumes = await listVolumes(folder);
    if (isProbed) await probe(folder.folder);
    return { volumes, error: null };
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
    return { volumes, error };
  }
}

/** Copies of a file system have the same UUID: all but the first are told apart by where they are. */
function distinct(pools: readonly Pool[]): Pool[] {
  const seen = new Set<string>();
  return pools.map((pool) => {
    const id = seen.has(pool.id) ? `${pool.id}:${pool.path ?? pool.name}` : pool.id;
    seen.add(id);
    return { ...pool, id };
  });
}

function words(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
