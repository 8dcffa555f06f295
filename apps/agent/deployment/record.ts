import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as z from 'zod';
import { readIfThere, setAside, writeDurably } from '../../files/durable-file.ts';

const idSchema = z.string().regex(/^[0-9a-f]{64}$/);

/** An agent that was deployed. */
export const deployedSchema = z.strictObject({
  /** SHA-256 of the head of its file, and the name of its folder. */
  id: idSchema,
  version: z.string().max(100),
  serial: z.int().min(1),
  floor: z.int().min(0),
  /** When it was deployed, ISO 8601. */
  since: z.iso.datetime(),
});

/** How an agent on trial stands. Times are seconds since the boot that they are of: no clock that is set moves them. */
const trialSchema = z.strictObject({
  /** Starts that it still has. */
  left: z.int().min(0).max(10),
  /** Seconds that it has to be ready in. */
  within: z.int().min(1).max(3600),
  /** Of which boot `start` is. */
  boot: z.string().max(100),
  start: z.number().min(0),
  /** How the agent before it fared; `null` if it did not answer. */
  before: z.strictObject({ connected: z.boolean(), problems: z.int().min(0) }).nullable(),
});

const recordSchema = z.strictObject({
  format: z.literal(1),
  /** Build of the image that all of this is for; another image uses none of it. */
  image: z.string().regex(/^[0-9a-f]{8,64}$/),
  /** The agent that is to run; `null`: the image's own. */
  active: deployedSchema.nullable(),
  /** There while the active one is on trial. */
  trial: trialSchema.nullable(),
  /** The confirmed agent that ran before the active one; `null`: the image's own. */
  previous: deployedSchema.nullable(),
  /** Agents with a lower serial are refused, on any image. */
  floor: z.int().min(0),
  /** The last one that was taken back. */
  takenBack: deployedSchema
    .extend({ at: z.iso.datetime(), reason: z.string().max(1000) })
    .nullable(),
});

export type Deployed = z.infer<typeof deployedSchema>;
export type Trial = z.infer<typeof trialSchema>;
export type DeploymentRecord = z.infer<typeof recordSchema>;

/** Nothing deployed onto an image. */
export function emptyRecord(image: string, floor = 0): DeploymentRecord {
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

/** What a file says. @returns `undefined` if it is no record */
export function parseRecord(text: string): DeploymentRecord | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return undefined;
  }
  return recordSchema.safeParse(json).data;
}

/** The record; `undefined` if nothing was ever deployed, or nobody can tell: then the image's agent runs. */
export async function readRecord(file: string): Promise<DeploymentRecord | undefined> {
  const text = await readIfThere(file);
  return text === undefined ? undefined : parseRecord(text);
}

/** As `readRecord`, for whoever changes it: a file that is no record is set aside. */
export async function takeRecord(file: string): Promise<DeploymentRecord | undefined> {
  const text = await readIfThere(file);
  if (text === undefined) return undefined;
  const record = parseRecord(text);
  if (record === undefined) await setAside(file);
  return record;
}

/** Replaces the record: after a cut of the power it is the old or the new one. @throws DiskError */
export async function writeRecord(file: string, record: DeploymentRecord): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await writeDurably(file, `${JSON.stringify(recordSchema.parse(record))}\n`, 0o600);
}
