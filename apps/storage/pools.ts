import { join } from 'node:path';
import type { Pool } from '../api/storage.ts';
import { messageOf } from '../error.ts';
import { type Mount, readMounts } from '../host/mounts.ts';
import { type Candidate, findCandidates } from './candidates.ts';
import type { PoolDeclaration } from './declaration.ts';
import { LastAnswer } from './last-answer.ts';
import { readVolumeGroups } from './lvm.ts';
import { PoolLook } from './pool-look.ts';

/** Milliseconds to wait for LVM, which reads the header of each of its disks. */
const GROUPS_PATIENCE = 20_000;

/** Pools, and why others could not be read. */
export interface Storage {
  pools: Pool[];
  /** One line each. */
  problems: string[];
}

/** Inputs of a reader of storage pools. */
export interface StorageOptions {
  declarations: () => readonly PoolDeclaration[];
  /** Returns why a declared pool is not up, if that is known. */
  problemOf?: (name: string) => string | undefined;
  /** Returns why a pool that is up does not answer, if that is known without reading it. */
  silenceOf?: (name: string) => string | undefined;
  /** Returns the paths of disks that do not answer. */
  silentDisks?: () => readonly string[];
  /** Folder that contains proc and the pools' folders; `/` if absent. */
  root?: string;
}

/**
 * Finds the storage pools of this machine; each call reads them again. A pool that does not answer has its last state.
 */
export class StorageReader {
  readonly #options: Required<StorageOptions>;
  /** Observations of the volume groups, by the list of disks that were left out. */
  readonly #groups = new Map<string, LastAnswer<Pool[]>>();
  #lastGroups: Pool[] = [];
  #looks = new Map<string, PoolLook>();

  constructor(options: StorageOptions) {
    const nothing = () => undefined;
    const silence = { problemOf: nothing, silenceOf: nothing, silentDisks: () => [] };
    this.#options = { ...silence, root: '/', ...options };
  }

  async read(signal?: AbortSignal): Promise<Storage> {
    const mounts = await readMounts(this.#options.root);
    const declarations = this.#options.declarations();
    const candidates = findCandidates(mounts, declarations);
    const before = this.#looks;
    this.#looks = new Map();
    const [pools, groups] = await Promise.all([
      Promise.all(
        candidates.map(({ mount, isOurs, ...candidate }) => {
          const { path, source, name } = candidate;
          if (mount === null || path === null) {
            return {
              ...absent(candidate, this.#options.problemOf(name)),
              id: candidate.id ?? name,
            };
          }
          const key = JSON.stringify([mount.device, source, path]);
          const look = before.get(key) ?? new PoolLook();
          this.#looks.set(key, look);
          return this.#look(look, { ...candidate, path, mount, isOurs }, mounts, signal);
        }),
      ),
      this.#readGroups(signal),
    ]);
    const named = this.#nameGroups(groups, declarations);
    return { pools: distinct([...pools, ...named]), problems: groups.problems };
  }

  async #look(
    look: PoolLook,
    { mount, isOurs, path, ...candidate }: Candidate & { mount: Mount; path: string },
    mounts: readonly Mount[],
    signal: AbortSignal | undefined,
  ): Promise<Pool> {
    const { kind, name, source } = candidate;
    const id =
      candidate.id ?? (await look.uuid(join(this.#options.root, source), signal)) ?? `path:${path}`;
    const others = new Set(mounts.map((one) => join(this.#options.root, one.path)));
    const folder = join(this.#options.root, path);
    const place = { source, folder, others, readOnly: mount.readOnly, isProbed: isOurs };
    const about = { id, name, kind, path, source };
    const silence = this.#options.silenceOf(name);
    if (silence !== undefined) return { ...about, ...look.silent(silence) };
    return { ...about, ...(await look.look(place, signal)) };
  }

  /**
   * Gives volume groups their declared names, and adds declared groups that are missing. If the volume groups, or the
   * disks of a group, could not be read, it is not known whether the group exists.
   */
  #nameGroups(
    { pools: groups, problems: [problem] }: Storage,
    declarations: readonly PoolDeclaration[],
  ): Pool[] {
    const declared = declarations.flatMap(({ name, lvm }) =>
      lvm === undefined ? [] : { name, lvm },
    );
    const there = groups.map((group) => ({
      ...group,
      name: declared.find(({ lvm }) => lvm === group.source)?.name ?? group.name,
    }));
    const missing = declared
      .filter(({ lvm }) => !groups.some(({ source }) => source === lvm))
      .map(({ name, lvm }) => {
        const about = { kind: 'lvm', name, path: null, source: lvm } as const;
        const missed = { ...absent(about, this.#options.problemOf(name)), id: `lvm:${lvm}` };
        const why = this.#options.silenceOf(name) ?? problem;
        if (why === undefined) return missed;
        const last = this.#lastGroups.find(({ source }) => source === lvm);
        return { ...(last ?? missed), name, ...unknown(why, last?.seen ?? 'never') };
      });
    return [...there, ...missing];
  }

  async #readGroups(signal: AbortSignal | undefined): Promise<Storage> {
    const without = this.#options.silentDisks();
    const key = without.join();
    const groups = this.#groups.get(key) ?? new LastAnswer<Pool[]>();
    this.#groups.set(key, groups);
    try {
      const { value, seen } = await groups.look(GROUPS_PATIENCE, (onSurvivor) =>
        readVolumeGroups(without, { signal, onSurvivor }),
      );
      if (seen !== 'now' || value === undefined) return this.#groupsAsBefore('LVM does not answer');
      const others = this.#lastGroups.filter(({ id }) => !value.some((one) => one.id === id));
      const at = new Date().toISOString();
      // Keeps the last state of groups that are left out now.
      this.#lastGroups = [
        ...value.map((pool) => ({ ...pool, seen: at })),
        ...(without.length > 0 ? others : []),
      ];
      return { pools: value, problems: [] };
    } catch (error) {
      signal?.throwIfAborted();
      return this.#groupsAsBefore(`volume groups cannot be read: ${messageOf(error)}`);
    }
  }

  /** Returns the last known volume groups: groups that cannot be read may still exist. */
  #groupsAsBefore(problem: string): Storage {
    const pools = this.#lastGroups.map((pool) => ({ ...pool, ...unknown(problem, pool.seen) }));
    return { pools, problems: [problem] };
  }
}

function unknown(problem: string, seen: string) {
  return { health: 'unknown', problem, writable: false, seen, volumesSeen: seen } as const;
}

/** Returns a pool that is not up. */
function absent(
  { kind, name, path, source }: Pick<Pool, 'kind' | 'name' | 'path' | 'source'>,
  why: string | undefined,
): Omit<Pool, 'id'> {
  const states = { directory: 'is on no disk', lvm: 'is not there' };
  const state = kind === 'directory' || kind === 'lvm' ? states[kind] : 'is not mounted';
  return {
    ...{ kind, name, path: null, source },
    ...{ total: 0, used: 0, available: 0, writable: false, volumes: [] },
    ...({ health: 'unmounted', seen: 'now', volumesSeen: 'now' } as const),
    problem: `${path ?? source} ${state}${why === undefined ? '' : `: ${why}`}`,
  };
}

/**
 * Makes identifiers unique: copies of a file system have the same UUID, so their paths are added to the identifiers of
 * all but the first.
 */
function distinct(pools: readonly Pool[]): Pool[] {
  const seen = new Set<string>();
  return pools.map((pool) => {
    const id = seen.has(pool.id) ? `${pool.id}:${pool.path ?? pool.name}` : pool.id;
    seen.add(id);
    return { ...pool, id };
  });
}
