import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as z from 'zod';
import { readIfThere, writeDurably } from '../files/durable-file.ts';
import { readText } from '../host/read.ts';

/** How far the writing of an image is: for whoever looks, until the next boot. */
const FILE = 'run/quantix/update/staging.json';

const noteSchema = z.object({
  pid: z.int(),
  /** When the kernel started that process, in ticks since boot: another one with its number is not it. */
  started: z.string(),
  version: z.string(),
  done: z.number(),
  bytes: z.number(),
  problem: z.string().nullable(),
  over: z.boolean(),
});

export type StagingNote = Omit<z.infer<typeof noteSchema>, 'pid' | 'started'>;

/** @param root folder in which run and proc are */
export async function writeStagingNote(note: StagingNote, root = '/'): Promise<void> {
  const file = join(root, FILE);
  await mkdir(dirname(file), { recursive: true });
  const started = startOf(await readText(`/proc/${process.pid}/stat`));
  await writeDurably(file, JSON.stringify({ pid: process.pid, started, ...note }), 0o644);
}

/**
 * Keeps the note of an image that this process brings here.
 * @param root folder in which run and proc are
 * @returns notes what changed; what was noted before stays. It resolves when that is written, and never rejects: nothing
 * depends on the note
 */
export function keepStagingNote(root = '/'): (changes: Partial<StagingNote>) => Promise<void> {
  const nothing = { version: 'the release', done: 0, bytes: 1, problem: null, over: false };
  let note: StagingNote = nothing;
  // One after the other: the last one says how it ended.
  let noted = Promise.resolve();
  return (changes) => {
    note = { ...note, ...changes };
    const now = note;
    noted = noted.then(() => writeStagingNote(now, root)).catch(() => undefined);
    return noted;
  };
}

/** What was noted last, and whether it goes on; `null` if nothing was since the boot, or it came to its end. */
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

/** Whether another process brings an image here. */
export async function isStagingElsewhere(root = '/'): Promise<boolean> {
  const note = await readRunning(root);
  return note !== undefined && note.pid !== process.pid;
}

/**
 * Ends the process that brings an image here; another call of it goes on from there.
 * @returns whether there was one
 */
export async function cancelStaging(root = '/'): Promise<boolean> {
  const note = await readRunning(root);
  return note !== undefined && process.kill(note.pid, 'SIGTERM');
}

/** The note of a process that still runs. */
async function readRunning(root: string): Promise<z.infer<typeof noteSchema> | undefined> {
  const text = await readIfThere(join(root, FILE));
  const note = noteSchema.safeParse(parseJson(text ?? '')).data;
  if (note === undefined || note.over) return undefined;
  return startOf(await readText(`/proc/${note.pid}/stat`)) === note.started ? note : undefined;
}

/** The time at which a process started (proc_pid_stat(5), field 22); its name, in brackets, may have blanks. */
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
