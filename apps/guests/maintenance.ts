import { mkdir, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as z from 'zod';
import { ExplainedError } from '../error.ts';
import { readIfThere, syncFolder, writeDurably } from '../files/durable-file.ts';
import { readUnmountedConfiguration } from '../host/configuration-disk.ts';

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

/** A guest is not started because the host is in maintenance, or may be. */
export class MaintenanceError extends ExplainedError {
  /** @param unknown why it is not known whether the host is in maintenance; absent if it is in maintenance */
  constructor(unknown?: string) {
    super(
      unknown === undefined
        ? {
            what: 'the host is in maintenance, and starts no virtual machine',
            fix: '`qx-node maintenance off` ends it.',
          }
        : { what: unknown, fix: 'Restart the host with its configuration.' },
    );
  }
}

/**
 * Reads whether the host is in maintenance. It counts as such also if its note cannot be parsed, and if its
 * configuration, which may contain a note, is not mounted.
 * @param folder folder of the node
 * @param root folder that contains run
 */
export async function readMaintenance(folder: string, root = '/'): Promise<Maintenance> {
  const text = await readIfThere(`${folder}/${MAINTENANCE}`);
  if (text === undefined) {
    const reason = (await readUncertainty(root)) ?? null;
    return { on: reason !== null, reason, since: null };
  }
  const note = noteSchema.safeParse(parseJson(text));
  return { on: true, reason: note.data?.reason ?? null, since: note.data?.since ?? null };
}

/**
 * Begins maintenance, or replaces its reason.
 * @throws DiskError, or an error of the file system
 */
export async function beginMaintenance(
  folder: string,
  { reason, now }: { reason: string | null; now: Date },
): Promise<void> {
  const { since: before } = await readMaintenance(folder);
  const since = before ?? now.toISOString();
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeDurably(`${folder}/${MAINTENANCE}`, `${JSON.stringify({ since, reason })}\n`, 0o600);
}

/**
 * Ends maintenance. Does not start guests that would have started with the host.
 * @param root folder that contains run
 * @throws an error of the file system
 * @throws MaintenanceError if the host's configuration is not mounted
 */
export async function endMaintenance(folder: string, root = '/'): Promise<void> {
  const uncertainty = await readUncertainty(root);
  if (uncertainty !== undefined) throw new MaintenanceError(uncertainty);
  const file = `${folder}/${MAINTENANCE}`;
  if ((await readIfThere(file)) === undefined) return;
  await rm(file);
  await syncFolder(dirname(file));
}

/**
 * Checks that the host is not in maintenance.
 * @param root folder that contains run
 * @throws MaintenanceError if it is, or may be
 */
export async function expectNoMaintenance(folder: string, root = '/'): Promise<void> {
  if ((await readMaintenance(folder, root)).on)
    throw new MaintenanceError(await readUncertainty(root));
}

/** Reads why it is not known whether the host is in maintenance; undefined if it is known. */
async function readUncertainty(root: string): Promise<string | undefined> {
  const unmounted = await readUnmountedConfiguration(root);
  if (unmounted === undefined) return undefined;
  return `whether the host is in maintenance is not known: ${unmounted}`;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
