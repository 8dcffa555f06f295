import { performance } from 'node:perf_hooks';
import type { Pool } from '../api/storage.ts';
import { readSpace, type Space } from '../host/file-system-space.ts';
import { CommandError } from '../process/command-error.ts';
import { assessHealth } from './health.ts';
import { type Answer, LastAnswer } from './last-answer.ts';
import { readFileSystem } from './superblock.ts';
import { SystemError, toSystemError } from './system-error.ts';
import type { Volume } from './volume-formats.ts';
import { VolumeList } from './volumes.ts';
import { WriteProbe } from './write-probe.ts';

/** Milliseconds that a healthy file system may take to report its space, and to list its files. */
const SPACE_PATIENCE = 5_000;
const FILES_PATIENCE = 10_000;

/** Where a pool is mounted. */
export interface PoolPlace {
  /** Source of the mount, for messages. */
  source: string;
  folder: string;
  /** Mount points of other file systems. */
  others: ReadonlySet<string>;
  readOnly: boolean;
  /** Whether a test file may be written. */
  isProbed: boolean;
}

/** State of a mounted pool. */
export type PoolState = Omit<Pool, 'id' | 'name' | 'kind' | 'path' | 'source'>;

const EMPTY: Space = { total: 0, used: 0, available: 0 };

/** Observes one pool while it is mounted. A pool that does not answer does not delay others. */
export class PoolLook {
  readonly #space = new LastAnswer<Space>();
  readonly #files = new LastAnswer<Volume[]>();
  readonly #list = new VolumeList();
  readonly #write = new WriteProbe();
  readonly #uuid = new LastAnswer<string | null>();
  #knownUuid: string | null = null;

  /** Returns the UUID of the file system on the pool's device; reads the device only until the UUID is known. */
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

  /** Returns the last observed state, for a pool that is known not to answer. @param problem why it does not answer */
  silent(problem: string): PoolState {
    const { value, seen } = this.#space.before();
    return this.#unknown(problem, { space: value ?? EMPTY, seen });
  }

  /** Observes the pool now. For a value that cannot be read in time, returns the last observed one. */
  async look(place: PoolPlace, signal?: AbortSignal): Promise<PoolState> {
    const { source, folder } = place;
    try {
      const { value, seen } = await this.#space.look(SPACE_PATIENCE, (onSurvivor) =>
        readSpace(folder, { timeout: SPACE_PATIENCE, signal, onSurvivor }),
      );
      const space = value ?? EMPTY;
      if (seen !== 'now') return this.#unknown(`${source} does not answer`, { space, seen });
      const { error, listed } = await this.#readFiles(place, signal);
      const written = error ?? (await this.#tryWriting(place, signal));
      if (written === undefined) {
        return this.#unknown(`${source} does not complete a write`, { space, seen, listed });
      }
      return {
        ...space,
        ...assessHealth({ space, readOnly: place.readOnly, error: written }),
        seen,
        ...toVolumes(listed),
      };
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof CommandError)) throw error;
      this.#write.doubt();
      const problem = `${source}: ${error.message}`;
      // The contents are not known: the pool must not be shown as empty.
      const { value: space = EMPTY, seen } = this.#space.before();
      const last = { ...space, writable: false, seen, ...toVolumes(this.#files.before()) };
      return { ...last, health: 'failed', problem };
    }
  }

  /** Lists the files. @returns the system error if they cannot be listed, with the files that were listed last */
  async #readFiles(
    { folder, others }: PoolPlace,
    signal: AbortSignal | undefined,
  ): Promise<{ error: Error | null; listed: Answer<Volume[]> }> {
    try {
      const listed = await this.#files.look(FILES_PATIENCE, (onSurvivor) =>
        this.#list.read({ folder, others, signal, onSurvivor }),
      );
      return { error: null, listed };
    } catch (error) {
      signal?.throwIfAborted();
      const systemError = toSystemError(error);
      if (systemError instanceof SystemError) {
        return { error: systemError, listed: this.#files.before() };
      }
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

  #unknown(
    problem: string,
    {
      space,
      seen,
      listed = this.#files.before(),
    }: { space: Space; seen: string; listed?: Answer<Volume[]> },
  ): PoolState {
    this.#write.doubt();
    return { ...space, health: 'unknown', problem, writable: false, seen, ...toVolumes(listed) };
  }
}

function toVolumes({ value, seen }: Answer<Volume[]>): Pick<Pool, 'volumes' | 'volumesSeen'> {
  return { volumes: value ?? [], volumesSeen: seen };
}
