import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as z from 'zod';
import { readIfThere, writeDurably } from '../files/durable-file.ts';
import { readText } from '../host/read.ts';

/** File with the progress of staging an image; it exists until the next boot. */
const FILE = 'run/quantix/update/staging.json';

const noteSchema = z.object({
  pid: z.int(),
  /** Start time of that process in ticks since boot, which distinguishes it from a later process with the same ID. */
  started: z.string(),
  version: z.string(),
  done: z.number(),
  bytes: z.number(),
  problem: z.string().nullable(),
  over: z.boolean(),
});

export type StagingNote = Omit<z.infer<typeof noteSchema>, 'pid' | 'started'>;

/** Writes the note with the ID of this process. @param root folder that contains run and proc */
export async function writeStagingNote(note: StagingNote, root = '/'): Promise<void> {
  const file = join(root, FILE);
  await mkdir(dirname(file), { recursive: true });
  const started = startOf(await readText(`/proc/${process.pid}/stat`));
  await writeDurably(file, JSON.stringify({ pid: process.pid, started, ...note }), 0o644);
}

/**
 * Keeps the note of an image that this process stages.
 * @param root folder that contains run and proc
 * @returns a function that changes some fields of the note. It resolves when the note is written, and never rejects:
 *   nothing depends on the note
 */
export function keepStagingNote(root = '/'): (changes: Partial<StagingNote>) => Promise<void> {
  const nothing = { version: 'the release', done: 0, bytes: 1, problem: null, over: false };
  let note: StagingNote = nothing;
  // Written one after the other, so that the last one stays.
  let noted = Promise.resolve();
  return (changes) => {
    note = { ...note, ...changes };
    const now = note;
    noted = noted.then(() => writeStagingNote(now, root)).catch(() => undefined);
    return noted;
  };
}

/**
 * Reads the last note, and whether its process still runs; returns `null` if there was none since the boot, or staging
 * succeeded.
 */
export async function readStagingNote(
  root = '/',
): Promise<(StagingNote & { running: boolean }) | null> {
  const text = await readIfThere(join(root, FILE)).catch(() => undefined);
  if (text === undefined) return null;
  const parsed = noteSchema.safeParse(parseJson(text));
  if (!parsed.success) return null;
  const { pid, started, ...note } = parsed.data;
  const running = !note.over && startOf(await readText(`/proc/${pid}/stat`)) === started;
  return note.over && note.problem === null ? null : { ...note, running };
}

/** Returns whether another process is staging an image. */
export async function isStagingElsewhere(root = '/'): Promise<boolean> {
  const note = await readRunning(root);
  return note !== undefined && note.pid !== process.pid;
}

/**
 * Ends the process that is staging an image; another call of `stage` continues where it ended.
 * @returns whether there was one
 */
export async function cancelStaging(root = '/'): Promise<boolean> {
  const note = await readRunning(root);
  return note !== undefined && process.kill(note.pid, 'SIGTERM');
}

/** Reads the note of a process that still runs. */
async function readRunning(root: string): Promise<z.infer<typeof noteSchema> | undefined> {
  const text = await readIfThere(join(root, FILE));
  const note = noteSchema.safeParse(parseJson(text ?? '')).data;
  if (note === undefined || note.over) return undefined;
  return startOf(await readText(`/proc/${note.pid}/stat`)) === note.started ? note : undefined;
}

/** Returns the start time of a process (proc_pid_stat(5), field 22); its name, in parentheses, may contain blanks. */
function startOf(stat: string): string {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
