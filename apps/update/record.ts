import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as z from 'zod';
import { outcomeSchema } from '../api/update.ts';
import { messageOf } from '../error.ts';
import { readIfThere, setAside, writeDurably } from '../files/durable-file.ts';
import { parseServerAddress } from './server.ts';

const trialSchema = z.strictObject({
  slot: z.enum(['a', 'b']),
  /** Version that is tried, and the one before. */
  version: z.string(),
  before: z.string(),
  /** Of the release that is tried; absent if it came without one. */
  channel: z.string().optional(),
  serial: z.int().optional(),
  floor: z.int().optional(),
  /** Whether the control plane was reached before: then it must be after. */
  controlPlane: z.boolean(),
  /** Minutes that it must be well for. */
  minutes: z.number().min(0).max(1440),
  /** Minutes that it has to become well, besides those. */
  patience: z.number().min(0).max(1440).default(15),
  /** The kernel's number of the boot in which it was activated: no trial has begun before another one. */
  activatedIn: z.string(),
  /** What was wrong with it when it was last looked at. */
  problems: z.array(z.string()),
});

const recordSchema = z.strictObject({
  /** The least serial that the version that was confirmed last allows. */
  floor: z.int().min(0),
  /** The highest serial that was seen of each channel. */
  seen: z.record(z.string(), z.int()),
  trial: trialSchema.nullable(),
  last: outcomeSchema.nullable(),
});

/** A version on its trial, and how it came to it. */
export type Trial = z.infer<typeof trialSchema>;

/** What a machine remembers of its updates. Which versions are where is not in it: the slots' trailers tell that. */
export type UpdateRecord = z.infer<typeof recordSchema>;

/** Of a machine that has not been updated yet. */
export const NOTHING_YET: UpdateRecord = { floor: 0, seen: {}, trial: null, last: null };

/** File of the record below `/quantix`. */
const RECORD = 'update/record.json';
/** File of the server's address below `/quantix`. */
const SERVER = 'update/server.json';

/**
 * What is remembered; a file that does not parse is set aside, and counts as none.
 * @param configuration `/quantix`
 */
export async function readRecord(
  configuration: string,
  tell: (line: string) => void = () => undefined,
): Promise<UpdateRecord> {
  return (await readParsed(join(configuration, RECORD), recordSchema, tell)) ?? NOTHING_YET;
}

/** @throws DiskError */
export async function writeRecord(configuration: string, record: UpdateRecord): Promise<void> {
  await writeJson(join(configuration, RECORD), record);
}

/** Channel of a machine of which nobody has said another. */
export const USUAL_CHANNEL = 'stable';

const serverSchema = z.strictObject({
  /** Where releases come from, if nothing else is said; absent if nobody has said it. */
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

/** Where updates come from, as somebody has set it. */
export async function readServerSetting(
  configuration: string,
  tell: (line: string) => void = () => undefined,
): Promise<ServerSetting> {
  const read = await readParsed(join(configuration, SERVER), serverSchema, tell);
  return read ?? { channel: USUAL_CHANNEL };
}

/** @throws DiskError; ZodError if it is none */
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
