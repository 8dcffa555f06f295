import { performance } from 'node:perf_hooks';
import type { Pool } from '../api/storage.ts';
import { readSpace, type Space } from '../host/file-system-space.ts';
import { CommandError } from '../process/command-error.ts';
import { assess } from './health.ts';
import { type Answer, LastAnswer } from './last-answer.ts';
import { readFileSystem } from './superblock.ts';
import { SystemError, systemErrorOf } from './system-error.ts';
import type { Volume } from './volume-formats.ts';
import { VolumeList } from './volumes.ts';
import { WriteProbe } from './write-probe.ts';

/** Milliseconds within which a file system answers that is well: for its space, then for its files. */
const SPACE_PATIENCE = 5_000;
const FILES_PATIENCE = 10_000;

/** Where a pool is. */
export interface PoolPlace {
  /** What is mounted, for messages. */
  source: string;
  folder: string;
  /** Folders on which something else is mounted. */
  others: ReadonlySet<string>;
  readOnly: boolean;
  /** Whether a file may be written to see whether that can be done. */
  isProbed: boolean;
}

/** How a pool fares that is mounted. */
export type PoolState = Omit<Pool, 'id' | 'name' | 'kind' | 'path' | 'source'>;

const EMPTY: Space = { total: 0, used: 0, available: 0 };

/** Looks at one pool, as long as it is mounted. Whether it answers is its own affair: no other one waits for it. */
export class PoolLook {
  readonly #space = new LastAnswer<Space>();
  readonly #files = new LastAnswer<Volume[]>();
  readonly #list = new VolumeList();
  readonly #write = new WriteProbe();
  readonly #uuid = new LastAnswer<string | null>();
  #knownUuid: string | null = null;
  #volumes: Answer<Volume[]> = { value: undefined, seen: 'never' };

  /** UUID of the file system on its device, read until it is known once. */
  async uuid(device: string, signal?: AbortSignal): Promise<string | null> {
    if (this.#knownUuid === null) {
      const { value } = await this.#uuid.look(
        SPACE_PATIENCE,
        async (onSurvivor) => (await readFileSystem(device, { signal, onSurvivor }))?.uuid ?? null,
      );
      this.#knownUuid = value ?? null;
    }
    return this.#knownUuid;
  }

  /** Tells it as it was last seen, without a look, since it is known not to answer. */
  silent(problem: string): PoolState {
    const { value, seen } = this.#space.before();
    return this.#unknown(problem, { space: value ?? EMPTY, seen });
  }

  /** Looks at it now. What it does not answer is told as it was last seen. */
  async look(place: PoolPlace, signal?: AbortSignal): Promise<PoolState> {
    const { source, folder } = place;
    try {
      const { value, seen } = await this.#space.look(SPACE_PATIENCE, (onSurvivor) =>
        readSpace(folder, { timeout: SPACE_PATIENCE, signal, onSurvivor }),
      );
      const space = value ?? EMPTY;
      if (seen !== 'now') return this.#unknown(`${source} does not answer`, { space, seen });
      const error = await this.#readFiles(place, signal);
      const written = error ?? (await this.#tryWriting(place, signal));
      if (written === undefined) {
        return this.#unknown(`${source} does not end a write`, { space, seen });
      }
      return {
        ...space,
        ...assess({ space, readOnly: place.readOnly, error: written }),
        seen,
        ...this.#listed(),
      };
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof CommandError)) throw error;
      this.#write.doubt();
      const problem = `${source}: ${error.message}`;
      const nothing = { ...EMPTY, writable: false, seen: 'now', volumesSeen: 'now', volumes: [] };
      return { ...nothing, health: 'failed', problem };
    }
  }

  /** @returns why its files could not be listed, if the system said so */
  async #readFiles(
    { folder, others }: PoolPlace,
    signal: AbortSignal | undefined,
  ): Promise<Error | null> {
    try {
      this.#volumes = await this.#files.look(FILES_PATIENCE, (onSurvivor) =>
        this.#list.read({ folder, others, signal, onSurvivor }),
      );
      return null;
    } catch (error) {
      signal?.throwIfAborted();
      const told = systemErrorOf(error);
      if (told instanceof SystemError) return told;
      throw error;
    }
  }

  async #tryWriting(
    { folder, isProbed, readOnly }: PoolPlace,
    signal: AbortSignal | undefined,
  ): Promise<Error | null | undefined> {
    if (!isProbed || readOnly) return null;
    return await this.#write.look(folder, performance.now(), { signal });
  }

  #unknown(problem: string, { space, seen }: { space: Space; seen: string }): PoolState {
    this.#write.doubt();
    return { ...space, health: 'unknown', problem, writable: false, seen, ...this.#listed() };
  }

  #listed(): Pick<Pool, 'volumes' | 'volumesSeen'> {
    const { value, seen } = this.#volumes;
    return { volumes: value ?? [], volumesSeen: seen };
  }
}
