import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as z from 'zod';
import { readIfThere } from '../files/durable-file.ts';
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
  await writeFile(file, JSON.stringify({ pid: process.pid, started, ...note }));
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

/**
 * Ends the process that brings an image here; another call of it goes on from there.
 * @returns whether there was one
 */
export async function cancelStaging(root = '/'): Promise<boolean> {
  const text = await readIfThere(join(root, FILE));
  const note = noteSchema.safeParse(parseJson(text ?? '')).data;
  if (note === undefined || note.over) return false;
  if (startOf(await readText(`/proc/${note.pid}/stat`)) !== note.started) return false;
  return process.kill(note.pid, 'SIGTERM');
}

/** The time at which a process started (proc_pid_stat(5), field 22); its name, in brackets, may have blanks. */
function startOf(stat: string): string {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // It is read while it is written.
    return null;
  }
}
