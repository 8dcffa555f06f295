import {
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { must } from '../error.ts';
import { errorCode } from '../process/errno.ts';
import { holdWhileWriting, isAbandoned } from '../process/file-lock.ts';
import { hashFile } from '../process/hash-file.ts';
import { isSealed, resealPath, seal } from '../process/seal.ts';
import type { Step } from './step.ts';

/**
 * File in a step's folder with the step's key, inputs and outputs. It is written last, so a folder that has it is
 * complete.
 */
const RECORD = 'step.json';

/** File in a step's folder that marks its result as checked; see `run`. */
const CHECKED = 'checked';

/** Prefix of folders in which a step is being made. */
const MAKING = '.making-';

/** Milliseconds for which an unfinished folder is not swept: the process that created it may not have locked it yet. */
const JUST_MADE = 60_000;

const recordSchema = z.object({
  key: z.string(),
  seconds: z.number(),
  /** Name of the key that signed it, if it comes from a remote cache. */
  origin: z.string().optional(),
  outputs: z.record(z.string(), z.object({ size: z.number(), sha256: z.string() })),
});

/** The result of a step. */
export interface StepResult {
  /** Folder with the step's output files. */
  directory: string;
  /** File name → SHA-256 in hex, computed when the file was made. */
  hashes: Readonly<Record<string, string>>;
  /** True if the step did not run because its result was in the cache. */
  cached: boolean;
  /** Seconds that the step took when it ran. */
  seconds: number;
  /** Name of the key that signed it, if it comes from a remote cache. */
  origin?: string | undefined;
}

/** A result that was made here and has passed its check. */
export type MadeResult = Pick<StepResult, 'directory' | 'hashes' | 'seconds'>;

/** Facts about a result from a remote cache: the seconds that the step took, and the name of the key that signed it. */
export interface FetchedResult {
  seconds: number;
  origin: string;
}

/** A source of results that other machines have made and checked: a remote cache. */
export interface ResultSource {
  /**
   * Writes the files of a step into an empty folder. If this fails, the step is made here.
   * @returns `undefined` if it has no such result
   */
  fetch(step: Step, directory: string, signal?: AbortSignal): Promise<FetchedResult | undefined>;
  /** Starts the upload of a result made here; returns at once. */
  offer(step: Step, result: MadeResult): void;
}

/** Where results may come from besides the cache; `forbidden` accepts only results made here. */
export type Remote = ResultSource | 'forbidden' | undefined;

/** A result whose check may still be running. */
export interface CheckedResult extends StepResult {
  /** Resolves when the result has passed its check; at once if it already had. */
  checked: Promise<void>;
}

/**
 * Results of steps, one folder per key. A result is published by a rename, complete or not at all. Two builds that
 * make the same step at the same time each make it, and the first result is kept. Output files are hashed when they
 * are made and sealed (see `process/seal.ts`): a file that was written to since is hashed again before it is used.
 */
export class StepCache {
  readonly #directory: string;
  readonly #remote: Remote;

  constructor(directory: string, remote?: Remote) {
    this.#directory = directory;
    this.#remote = remote;
  }

  /** Returns the result of a step if it is in the cache and all its files are unchanged since they were made. */
  async find(step: Step): Promise<StepResult | undefined> {
    const directory = this.#folder(step);
    const record = await readRecord(join(directory, RECORD));
    if (record === undefined || record.key !== step.key) return undefined;
    const { seconds, origin } = record;
    if (origin !== undefined && this.#remote === 'forbidden') return undefined;
    const outputs = Object.entries(record.outputs);
    for (const [name, output] of outputs) {
      if (!(await isIntact(join(directory, name), output))) return undefined;
    }
    await touch(join(directory, RECORD));
    const hashes = Object.fromEntries(outputs.map(([name, { sha256 }]) => [name, sha256]));
    return { directory, hashes, cached: true, seconds, origin };
  }

  /**
   * Returns the result of a step: from the cache, from a remote cache, or made now.
   * @param make writes the step's files into the empty folder it is given
   * @param check reads the files of the result back while later steps already use them; nothing made from them may be
   *   published before `checked` has resolved. If the check fails, the next build makes the result again. Results from
   *   a remote cache are not checked.
   */
  async run(
    step: Step,
    make: (directory: string) => Promise<void>,
    check?: (directory: string) => Promise<void>,
    signal?: AbortSignal,
  ): Promise<CheckedResult> {
    const others = this.#remote === 'forbidden' ? undefined : this.#remote;
    const result =
      (await this.find(step)) ??
      (others && (await this.#fetch(step, others, signal))) ??
      (await this.#make(step, make));
    const checked = check === undefined ? Promise.resolve() : this.#check(result.directory, check);
    checked.then(
      () => result.origin === undefined && others?.offer(step, result),
      // The caller may await the promise later: without this handler, an earlier rejection would end the process.
      () => undefined,
    );
    return { ...result, checked };
  }

  async #check(directory: string, check: (directory: string) => Promise<void>): Promise<void> {
    const mark = join(directory, CHECKED);
    if ((await ifThere(stat(mark))) !== undefined) return;
    try {
      await check(directory);
    } catch (error) {
      await rm(join(directory, RECORD), { force: true });
      throw error;
    }
    await writeFile(mark, '');
  }

  async #make(step: Step, make: (directory: string) => Promise<void>): Promise<StepResult> {
    const made = await this.#fill(step, async (directory) => {
      const began = performance.now();
      await make(directory);
      return { seconds: (performance.now() - began) / 1000 };
    });
    return { ...must(made, `result of ${step.name}`), cached: false };
  }

  async #fetch(
    step: Step,
    others: ResultSource,
    signal: AbortSignal | undefined,
  ): Promise<StepResult | undefined> {
    const fetched = await this.#fill(step, (directory) => others.fetch(step, directory, signal));
    return fetched && { ...fetched, cached: true };
  }

  /** Calls a function that fills a step's folder, and publishes the folder if the function succeeds. */
  async #fill(
    step: Step,
    fill: (directory: string) => Promise<Filled | undefined>,
  ): Promise<Omit<StepResult, 'cached'> | undefined> {
    const parent = join(this.#directory, step.name);
    await mkdir(parent, { recursive: true });
    const temporary = await mkdtemp(join(parent, MAKING));
    const held = await holdWhileWriting(temporary);
    try {
      const filled = await fill(temporary);
      if (filled === undefined) return undefined;
      const hashes = await record(step, temporary, filled);
      if (filled.origin !== undefined) await writeFile(join(temporary, CHECKED), '');
      await this.#publish(temporary, step);
      return { directory: this.#folder(step), hashes, ...filled };
    } finally {
      await discard(temporary).finally(() => held.close());
    }
  }

  /** Removes the unfinished folders of processes that were killed. */
  async sweep(): Promise<void> {
    for (const path of await this.#folders()) {
      if (basename(path).startsWith(MAKING) && (await isLeftOver(path))) {
        await rm(path, { recursive: true, force: true });
      }
    }
  }

  /**
   * Hashes all results again, and removes damaged ones. Results that another build removes meanwhile do not count.
   * @returns the number of results, and the folders of the removed ones
   */
  async verify(signal?: AbortSignal): Promise<{ checked: number; damaged: string[] }> {
    const damaged: string[] = [];
    const folders = (await this.#folders()).filter((path) => !basename(path).startsWith(MAKING));
    let checked = 0;
    for (const path of folders) {
      const whole = await isWhole(path, signal);
      if (!whole && (await ifThere(stat(path))) === undefined) continue;
      checked += 1;
      if (whole) continue;
      await rm(path, { recursive: true, force: true });
      damaged.push(path);
    }
    return { checked, damaged };
  }

  async #folders(): Promise<string[]> {
    const steps = (await foldersIn(this.#directory)).map((step) => join(this.#directory, step));
    const inside = await Promise.all(
      steps.map(async (step) => (await foldersIn(step)).map((folder) => join(step, folder))),
    );
    return inside.flat();
  }

  #folder(step: Step): string {
    return join(this.#directory, step.name, step.key.slice(0, 32));
  }

  async #publish(temporary: string, step: Step): Promise<void> {
    const final = this.#folder(step);
    try {
      await rename(temporary, final);
    } catch (error) {
      if (errorCode(error) !== 'ENOTEMPTY' && errorCode(error) !== 'EEXIST') throw error;
      if ((await this.find(step)) !== undefined) return;
      await rm(final, { recursive: true, force: true });
      await rename(temporary, final);
    }
  }
}

/** How a step's folder was filled. */
type Filled = Pick<StepResult, 'seconds' | 'origin'>;

/**
 * Removes the folder in which a step was made. Parts of a failed step may still be writing: the folder is renamed
 * first, so that they cannot open further files in it; files that are already open are removed with the folder.
 */
async function discard(directory: string): Promise<void> {
  const discarded = `${directory}-discarded`;
  // The folder no longer exists if the step was published.
  if ((await ifThere(rename(directory, discarded).then(() => true))) === undefined) return;
  await rm(discarded, { recursive: true, force: true, maxRetries: 10 });
}

/** Hashes and seals the files that a step made and writes its record; everything is synced to disk. */
async function record(
  step: Step,
  directory: string,
  { seconds, origin }: Filled,
): Promise<Record<string, string>> {
  const outputs: Record<string, { size: number; sha256: string }> = {};
  for (const name of await readdir(directory)) {
    const path = join(directory, name);
    await using file = await open(path, 'r');
    await seal(file);
    outputs[name] = { size: (await file.stat()).size, sha256: (await hashFile(path)).whole };
  }
  await using file = await open(join(directory, RECORD), 'wx');
  const { name, key, inputs } = step;
  await file.writeFile(JSON.stringify({ key, seconds, origin, outputs, name, inputs }, null, 1));
  await file.sync();
  return Object.fromEntries(Object.entries(outputs).map(([one, { sha256 }]) => [one, sha256]));
}

async function isIntact(
  path: string,
  { size, sha256 }: { size: number; sha256: string },
): Promise<boolean> {
  const stats = await ifThere(stat(path));
  if (stats?.size !== size) return false;
  if (isSealed(stats)) return true;
  if ((await hashFile(path)).whole !== sha256) return false;
  await resealPath(path);
  return true;
}

async function readRecord(file: string): Promise<z.infer<typeof recordSchema> | undefined> {
  const text = await ifThere(readFile(file, 'utf8'));
  if (text === undefined) return undefined;
  try {
    return recordSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** Sets the time of a record: the time at which its result was last used. Does nothing if the cache is not writable. */
async function touch(file: string): Promise<void> {
  const now = new Date();
  try {
    await utimes(file, now, now);
  } catch (error) {
    if (!['EPERM', 'EACCES', 'EROFS', 'ENOENT'].includes(errorCode(error) ?? '')) throw error;
  }
}

async function foldersIn(directory: string): Promise<string[]> {
  const entries = await ifThere(readdir(directory, { withFileTypes: true }));
  return (entries ?? []).filter((entry) => entry.isDirectory()).map((entry) => entry.name);
}

async function isLeftOver(path: string): Promise<boolean> {
  const stats = await ifThere(stat(path));
  if (stats === undefined || Date.now() - stats.mtimeMs < JUST_MADE) return false;
  return isAbandoned(path);
}

async function isWhole(folder: string, signal: AbortSignal | undefined): Promise<boolean> {
  const record = await readRecord(join(folder, RECORD));
  if (record === undefined) return false;
  for (const [name, { sha256 }] of Object.entries(record.outputs)) {
    const hashes = await ifThere(hashFile(join(folder, name), [], signal));
    if (hashes?.whole !== sha256) return false;
  }
  return true;
}

/** Returns the result of a file system call, or `undefined` if the file does not exist. */
async function ifThere<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}
