import { mkdir, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as z from 'zod';
import { ExplainedError } from '../error.ts';
import { readIfThere, syncFolder, writeDurably } from '../files/durable-file.ts';

/** File of the node's folder that is there while the host is in maintenance. */
export const MAINTENANCE = 'maintenance';

/** Whether the host is in maintenance: it starts no guest then, at a boot neither; what runs goes on. */
export interface Maintenance {
  on: boolean;
  /** Why, as whoever began it said. */
  reason: string | null;
  /** When it began, ISO 8601. */
  since: string | null;
}

/** Characters of a reason. */
export const LONGEST_REASON = 200;

const noteSchema = z.object({
  since: z.iso.datetime().nullish().catch(null),
  reason: z.string().max(LONGEST_REASON).nullish().catch(null),
});

/** A guest is not started, for the host is in maintenance. */
export class MaintenanceError extends ExplainedError {
  constructor() {
    super({
      what: 'the host is in maintenance, and starts no virtual machine',
      fix: '`qx-node maintenance off` ends it.',
    });
  }
}

/**
 * Whether the host is in maintenance. A note that cannot be understood says so too: somebody meant it to be.
 * @param folder of the node
 */
export async function readMaintenance(folder: string): Promise<Maintenance> {
  const text = await readIfThere(`${folder}/${MAINTENANCE}`);
  if (text === undefined) return { on: false, reason: null, since: null };
  const note = noteSchema.safeParse(parseJson(text));
  return { on: true, reason: note.data?.reason ?? null, since: note.data?.since ?? null };
}

/**
 * Begins maintenance, or gives it another reason.
 * @throws Error what the disk throws
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

/** Ends maintenance. Guests that were to start with the host stay as they are. @throws Error what the disk throws */
export async function endMaintenance(folder: string): Promise<void> {
  const file = `${folder}/${MAINTENANCE}`;
  if ((await readIfThere(file)) === undefined) return;
  await rm(file);
  await syncFolder(dirname(file));
}

/** @throws MaintenanceError if the host is in maintenance */
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
