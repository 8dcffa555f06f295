import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as z from 'zod';
import { readIfThere, setAside, writeDurably } from '../../files/durable-file.ts';

const idSchema = z.string().regex(/^[0-9a-f]{64}$/);

/** A deployed agent. */
export const deployedSchema = z.strictObject({
  /** SHA-256 of the head of its file, and the name of its folder. */
  id: idSchema,
  version: z.string().max(100),
  serial: z.int().min(1),
  floor: z.int().min(0),
  /** When it was deployed, as ISO 8601. */
  since: z.iso.datetime(),
});

/**
 * State of an agent on trial. `start` is in seconds since the boot `boot`, and so independent of changes of the clock.
 */
const trialSchema = z.strictObject({
  /** Starts that are left. */
  left: z.int().min(0).max(10),
  /** Seconds within which it must become ready. */
  within: z.int().min(1).max(3600),
  /** Boot ID to which `start` refers. */
  boot: z.string().max(100),
  start: z.number().min(0),
  /** State of the previous agent; `null` if that did not answer. */
  before: z.strictObject({ connected: z.boolean(), problems: z.int().min(0) }).nullable(),
});

const recordSchema = z.strictObject({
  format: z.literal(1),
  /** Build of the image to which the record applies; another image ignores it, except for `floor`. */
  image: z.string().regex(/^[0-9a-f]{8,64}$/),
  /** The chosen agent; `null` for the image's own agent. */
  active: deployedSchema.nullable(),
  /** Set while the active agent is on trial. */
  trial: trialSchema.nullable(),
  /** The confirmed agent that ran before the active one; `null` for the image's own agent. */
  previous: deployedSchema.nullable(),
  /** Agents with a lower serial are refused, on any image. */
  floor: z.int().min(0),
  /** The last agent that was taken back. */
  takenBack: deployedSchema
    .extend({ at: z.iso.datetime(), reason: z.string().max(1000) })
    .nullable(),
});

export type Deployed = z.infer<typeof deployedSchema>;
export type Trial = z.infer<typeof trialSchema>;
export type DeploymentRecord = z.infer<typeof recordSchema>;

/** Returns the record of an image without deployed agents. */
export function makeEmptyRecord(image: string, floor = 0): DeploymentRecord {
  return {
    format: 1,
    image,
    active: null,
    trial: null,
    previous: null,
    floor,
    takenBack: null,
  };
}

/** Parses a record. @returns `undefined` if it is invalid */
export function parseRecord(text: string): DeploymentRecord | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return undefined;
  }
  return recordSchema.safeParse(json).data;
}

/**
 * Reads the record; returns `undefined` if nothing was ever deployed, or the file is invalid; in both cases the image's
 * own agent runs.
 */
export async function readRecord(file: string): Promise<DeploymentRecord | undefined> {
  const text = await readIfThere(file);
  return text === undefined ? undefined : parseRecord(text);
}

/** Reads the record to change it: like `readRecord`, but sets an invalid file aside. */
export async function takeRecord(file: string): Promise<DeploymentRecord | undefined> {
  const text = await readIfThere(file);
  if (text === undefined) return undefined;
  const record = parseRecord(text);
  if (record === undefined) await setAside(file);
  return record;
}

/** Replaces the record atomically, also across a power failure. @throws DiskError */
export async function writeRecord(file: string, record: DeploymentRecord): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await writeDurably(file, `${JSON.stringify(recordSchema.parse(record))}\n`, 0o600);
}
