import { mkdir, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as z from 'zod';
import { ExplainedError } from '../error.ts';
import { readIfThere, syncFolder, writeDurably } from '../files/durable-file.ts';

/** File in the node's folder that exists while the host is in maintenance. */
export const MAINTENANCE = 'maintenance';

/** Whether the host is in maintenance: it then starts no guest, not even after a boot; running guests continue. */
export interface Maintenance {
  on: boolean;
  /** The reason that was given when it began. */
  reason: string | null;
  /** When it began, as ISO 8601. */
  since: string | null;
}

/** Longest reason, in characters. */
export const LONGEST_REASON = 200;

const noteSchema = z.object({
  since: z.iso.datetime().nullish().catch(null),
  reason: z.string().max(LONGEST_REASON).nullish().catch(null),
});

/** A guest is not started because the host is in maintenance. */
export class MaintenanceError extends ExplainedError {
  constructor() {
    super({
      what: 'the host is in maintenance, and starts no virtual machine',
      fix: '`qx-node maintenance off` ends it.',
    });
  }
}

/**
 * Reads whether the host is in maintenance. A note that cannot be parsed counts as maintenance.
 * @param folder of the node
 */
export async function readMaintenance(folder: string): Promise<Maintenance> {
  const text = await readIfThere(`${folder}/${MAINTENANCE}`);
  if (text === undefined) return { on: false, reason: null, since: null };
  const note = noteSchema.safeParse(parseJson(text));
  return { on: true, reason: note.data?.reason ?? null, since: note.data?.since ?? null };
}

/**
 * Begins maintenance, or replaces its reason.
 * @throws Error of the disk
 */
export async function beginMaintenance(
  folder: string,
  { reason, now }: { reason: string | null; now: Date },
): Promise<void> {
  const before = await readMaintenance(folder);
  const since = before.since ?? now.toISOString();
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeDurably(`${folder}/${MAINTENANCE}`, `${JSON.stringify({ since, reason })}\n`, 0o600);
}

/** Ends maintenance. Does not start guests that would have started with the host. @throws Error of the disk */
export async function endMaintenance(folder: string): Promise<void> {
  const file = `${folder}/${MAINTENANCE}`;
  if ((await readIfThere(file)) === undefined) return;
  await rm(file);
  await syncFolder(dirname(file));
}

/** Checks that the host is not in maintenance. @throws MaintenanceError if it is */
export async function expectNoMaintenance(folder: string): Promise<void> {
  if ((await readMaintenance(folder)).on) throw new MaintenanceError();
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
