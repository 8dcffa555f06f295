import { readFileSync, statSync, utimesSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { errorCode } from '../process/errno.ts';
import type { Step } from './step.ts';

/** File in a step's folder that says what made it; written last, so a folder with it is complete. */
const RECORD = 'step.json';

/** File in a step's folder that says that its result was checked; see `run`. */
const CHECKED = 'checked';

/** Days after which the result of a step that no build used is removed. */
const KEEP_DAYS = 14;

const recordSchema = z.object({
  key: z.string(),
  seconds: z.number(),
  outputs: z.record(z.string(), z.number()),
});

/** What became of a step. */
export interface StepResult {
  /** Folder with the files the step made. */
  directory: string;
  /** True if it was not run because its result was in the cache. */
  cached: boolean;
  /** How long it took when it was run. */
  seconds: number;
}

/** A result, and its check. */
export interface CheckedResult extends StepResult {
  /** Resolves when the result has passed its check, at once if it did so before. */
  checked: Promise<void>;
}

/**
 * Results of steps, one folder per key. A result appears whole, by rename, or not at all; two builds that
 * make the same step at once each make it, and the first one stays.
 */
export class StepCache {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** The result of a step if it is in the cache and all its files have the sizes they were made with. */
  find(step: Step): StepResult | undefined {
    const directory = this.#folder(step);
    const file = join(directory, RECORD);
    if (sizeOf(file) === undefined) return undefined;
    const record = parseRecord(readFileSync(file, 'utf8'));
    if (record === undefined || record.key !== step.key) return undefined;
    for (const [name, size] of Object.entries(record.outputs)) {
      if (sizeOf(join(directory, name)) !== size) return undefined;
    }
    const now = new Date();
    utimesSync(file, now, now);
    return { directory, cached: true, seconds: record.seconds };
  }

  /**
   * The result of a step, from the cache or made now.
   * @param make writes the step's files into the empty folder it is given
   * @param check reads the files in the result's folder back, while later steps work with them already; nothing that
   *   is made of them may get its name before `checked` has resolved. A result that fails is made anew by the next build.
   */
  async run(
    step: Step,
    make: (directory: string) => Promise<void>,
    check?: (directory: string) => Promise<void>,
  ): Promise<CheckedResult> {
    const result = this.find(step) ?? (await this.#make(step, make));
    const checked = check === undefined ? Promise.resolve() : this.#check(result.directory, check);
    // Whoever waits for it may come late.
    checked.catch(() => undefined);
    return { ...result, checked };
  }

  async #check(directory: string, check: (directory: string) => Promise<void>): Promise<void> {
    const mark = join(directory, CHECKED);
    if (sizeOf(mark) !== undefined) return;
    try {
      await check(directory);
    } catch (error) {
      await rm(join(directory, RECORD), { force: true });
      throw error;
    }
    await writeFile(mark, '');
  }

  async #make(step: Step, make: (directory: string) => Promise<void>): Promise<StepResult> {
    const parent = join(this.#directory, step.name);
    await mkdir(parent, { recursive: true });
    const temporary = await mkdtemp(join(parent, '.making-'));
    const began = performance.now();
    try {
      await make(temporary);
      const seconds = (performance.now() - began) / 1000;
      await this.#record(step, temporary, seconds);
      await this.#publish(temporary, step);
      return { directory: this.#folder(step), cached: false, seconds };
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
  }

  /** Removes results that no build used for `KEEP_DAYS` days, and what an interrupted build left. */
  async prune(): Promise<void> {
    const oldest = Date.now() - KEEP_DAYS * 86_400_000;
    for (const step of await foldersIn(this.#directory)) {
      for (const folder of await foldersIn(join(this.#directory, step))) {
        const path = join(this.#directory, step, folder);
        const used = await lastUse(path);
        if (used < oldest) await rm(path, { recursive: true, force: true });
      }
    }
  }

  #folder(step: Step): string {
    return join(this.#directory, step.name, step.key.slice(0, 32));
  }

  async #record(step: Step, directory: string, seconds: number): Promise<void> {
    const outputs: Record<string, number> = {};
    for (const name of await readdir(directory)) {
      outputs[name] = (await stat(join(directory, name))).size;
    }
    const record = { key: step.key, seconds, outputs, name: step.name, inputs: step.inputs };
    await writeFile(join(directory, RECORD), JSON.stringify(record, null, 1));
  }

  async #publish(temporary: string, step: Step): Promise<void> {
    const final = this.#folder(step);
    try {
      await rename(temporary, final);
    } catch (error) {
      if (errorCode(error) !== 'ENOTEMPTY' && errorCode(error) !== 'EEXIST') throw error;
      if (this.find(step) !== undefined) return;
      await rm(final, { recursive: true, force: true });
      await rename(temporary, final);
    }
  }
}

function parseRecord(text: string): z.infer<typeof recordSchema> | undefined {
  try {
    return recordSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

function sizeOf(file: string): number | undefined {
  return statSync(file, { throwIfNoEntry: false })?.size;
}

async function foldersIn(directory: string): Promise<string[]> {
  if (sizeOf(directory) === undefined) return [];
  const entries = await readdir(directory, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
}

async function lastUse(folder: string): Promise<number> {
  const record = statSync(join(folder, RECORD), { throwIfNoEntry: false });
  return (record ?? (await stat(folder))).mtimeMs;
}
