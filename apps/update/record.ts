import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as z from 'zod';
import { outcomeSchema } from '../api/update.ts';
import { messageOf } from '../error.ts';
import { readIfThere, setAside, writeDurably } from '../files/durable-file.ts';
import { parseServerAddress } from './server.ts';

const trialSchema = z.strictObject({
  slot: z.enum(['a', 'b']),
  /** The version on trial, and the version that ran before it. */
  version: z.string(),
  before: z.string(),
  /** Channel and serial of the release on trial; absent if the image came without a release. */
  channel: z.string().optional(),
  serial: z.int().optional(),
  floor: z.int().optional(),
  /** Whether the control plane was reachable before the activation: if so, the version on trial must reach it, too. */
  controlPlane: z.boolean(),
  /** Minutes without a problem after which the version is confirmed. */
  minutes: z.number().min(0).max(1440),
  /** Further minutes that the version has to become healthy. */
  patience: z.number().min(0).max(1440).default(15),
  /** Boot ID of the kernel at activation: a trial begins only at a later boot. */
  activatedIn: z.string(),
  /** Problems of the machine at the last check. */
  problems: z.array(z.string()),
});

const recordSchema = z.strictObject({
  /** The lowest serial that the last confirmed version accepts. */
  floor: z.int().min(0),
  /** Channel → the highest serial that was seen. */
  seen: z.record(z.string(), z.int()),
  trial: trialSchema.nullable(),
  last: outcomeSchema.nullable(),
});

/** A version on trial, and how it was activated. */
export type Trial = z.infer<typeof trialSchema>;

/**
 * A machine's record of its updates. It does not contain the versions in the slots: those are in the slots' trailers.
 */
export type UpdateRecord = z.infer<typeof recordSchema>;

/** Record of a machine that has not been updated yet. */
export const NOTHING_YET: UpdateRecord = { floor: 0, seen: {}, trial: null, last: null };

/** File of the record below `/quantix`. */
const RECORD = 'update/record.json';
/** File of the server's address below `/quantix`. */
const SERVER = 'update/server.json';

/**
 * Reads the record; a file that cannot be parsed is set aside, and the record is then empty.
 * @param configuration `/quantix`
 */
export async function readRecord(
  configuration: string,
  tell: (line: string) => void = () => undefined,
): Promise<UpdateRecord> {
  return (await readParsed(join(configuration, RECORD), recordSchema, tell)) ?? NOTHING_YET;
}

/** Writes the record. @throws DiskError */
export async function writeRecord(configuration: string, record: UpdateRecord): Promise<void> {
  await writeJson(join(configuration, RECORD), record);
}

/** Channel of a machine for which no other is set. */
export const USUAL_CHANNEL = 'stable';

const serverSchema = z.strictObject({
  /** The default source of releases; absent if none is set. */
  server: z
    .string()
    .refine((text) => URL.canParse(text) && parseServerAddress(text) !== '')
    .optional(),
  channel: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,31}$/)
    .default(USUAL_CHANNEL),
});

export type ServerSetting = z.infer<typeof serverSchema>;

/** Reads the configured source of updates. */
export async function readServerSetting(
  configuration: string,
  tell: (line: string) => void = () => undefined,
): Promise<ServerSetting> {
  const read = await readParsed(join(configuration, SERVER), serverSchema, tell);
  return read ?? { channel: USUAL_CHANNEL };
}

/** Writes the source of updates. @throws DiskError; ZodError if it is invalid */
export async function writeServerSetting(
  configuration: string,
  setting: ServerSetting,
): Promise<void> {
  await writeJson(join(configuration, SERVER), serverSchema.parse(setting));
}

async function readParsed<T>(
  file: string,
  schema: z.ZodType<T>,
  tell: (line: string) => void,
): Promise<T | undefined> {
  const text = await readIfThere(file);
  if (text === undefined) return undefined;
  try {
    return schema.parse(JSON.parse(text));
  } catch (error) {
    const why = error instanceof z.ZodError ? z.prettifyError(error) : messageOf(error);
    const aside = await setAside(file).catch(() => 'left where it is');
    tell(`${file}: ${why.replaceAll('\n', ' ')}; set aside as ${aside}`);
    return undefined;
  }
}

async function writeJson(file: string, value: unknown): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await writeDurably(file, `${JSON.stringify(value)}\n`, 0o600);
}
