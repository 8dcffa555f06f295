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

/** File in a step's folder that says what made it; written last, so a folder with it is complete. */
const RECORD = 'step.json';

/** File in a step's folder that says that its result was checked; see `run`. */
const CHECKED = 'checked';

/** Start of the names of folders in which a step is being made. */
const MAKING = '.making-';

/** Milliseconds for which an unfinished folder is left alone: its maker may be about to hold it. */
const JUST_MADE = 60_000;

const recordSchema = z.object({
  key: z.string(),
  seconds: z.number(),
  /** Who made it, if that was somebody else. */
  origin: z.string().optional(),
  outputs: z.record(z.string(), z.object({ size: z.number(), sha256: z.string() })),
});

/** What became of a step. */
export interface StepResult {
  /** Folder with the files the step made. */
  directory: string;
  /** SHA-256 in hex of each of them, by name, from when they were made. */
  hashes: Readonly<Record<string, string>>;
  /** True if it was not run because its result was in the cache. */
  cached: boolean;
  /** How long it took when it was run. */
  seconds: number;
  /** Who made it, if it comes from a remote cache: the name of the key it was signed by. */
  origin?: string | undefined;
}

/** What was made here, and has passed its check. */
export type MadeResult = Pick<StepResult, 'directory' | 'hashes' | 'seconds'>;

/** Of a result that somebody else made: who that was, and how long it took. */
export interface FetchedResult {
  seconds: number;
  origin: string;
}

/** Results of steps that others made and checked. */
export interface ResultSource {
  /**
   * Writes the files of a step into an empty folder. That it fails stops nothing: the step is made then.
   * @returns nothing if it has no such result
   */
  fetch(step: Step, directory: string, signal?: AbortSignal): Promise<FetchedResult | undefined>;
  /** Is told of a result that was made here, for others; returns at once. */
  offer(step: Step, result: MadeResult): void;
}

/** Where results may come from besides the cache; one's own work alone is believed if it is `forbidden`. */
export type Remote = ResultSource | 'forbidden' | undefined;

/** A result, and its check. */
export interface CheckedResult extends StepResult {
  /** Resolves when the result has passed its check, at once if it did so before. */
  checked: Promise<void>;
}

/**
 * Results of steps, one folder per key. A result appears whole, by rename, or not at all; two builds that
 * make the same step at once each make it, and the first one stays. Its files are hashed when they are made and sealed
 * (see `process/seal.ts`): one that was written to since is hashed again before it is believed.
 */
export class StepCache {
  readonly #directory: string;
  readonly #remote: Remote;

  constructor(directory: string, remote?: Remote) {
    this.#directory = directory;
    this.#remote = remote;
  }

  /** The result of a step if it is in the cache and all its files are what they were when they were made. */
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
   * The result of a step, from the cache, from others or made now.
   * @param make writes the step's files into the empty folder it is given
   * @param check reads the files in the result's folder back, while later steps work with them already; nothing that
   *   is made of them may get its name before `checked` has resolved. A result that fails is made anew by the next build.
   *   What others made they have checked.
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
      // Whoever waits for it may come late.
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

  /** Has a step's folder filled, and publishes it if it was. */
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

  /** Removes what makers that were killed left. */
  async sweep(): Promise<void> {
    for (const path of await this.#folders()) {
      if (basename(path).startsWith(MAKING) && (await isLeftOver(path))) {
        await rm(path, { recursive: true, force: true });
      }
    }
  }

  /** Hashes all results again. @returns how many there are, and the folders of damaged ones, which are removed */
  async verify(signal?: AbortSignal): Promise<{ checked: number; damaged: string[] }> {
    const damaged: string[] = [];
    const folders = (await this.#folders()).filter((path) => !basename(path).startsWith(MAKING));
    for (const path of folders) {
      if (await isWhole(path, signal)) continue;
      await rm(path, { recursive: true, force: true });
      damaged.push(path);
    }
    return { checked: folders.length, damaged };
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
 * Removes the folder of a maker. Half of a maker may still write when the other half has failed: the folder is renamed,
 * so whatever that half opens from then on is not found, and the files that it has open go with the folder.
 */
async function discard(directory: string): Promise<void> {
  const discarded = `${directory}-discarded`;
  // Not there any more when the step was published.
  if ((await ifThere(rename(directory, discarded).then(() => true))) === undefined) return;
  await rm(discarded, { recursive: true, force: true, maxRetries: 10 });
}

/** Hashes and seals what a step made, and writes its record; all of it is on the disk afterwards. */
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

/** The time of a record says when its result was last used. Whoever may not write to the cache cannot say so. */
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

/** What is asked of the file system, or `undefined` where there is nothing (any more). */
async function ifThere<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}
