import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { z } from 'zod';
import { BASE_NAMES } from '../bases.ts';
import { BuildError } from '../error.ts';
import { writeFileAtomically } from '../process/atomic-write.ts';
import type { AdvisoryDatabase } from './database.ts';
import { LARGEST_DATABASE, parseDatabase } from './parse.ts';

const pinSchema = z.strictObject({
  /** Name of the file without folder. */
  name: z.string().min(1).max(255),
  base: z.enum(BASE_NAMES),
  /** Release that it covers; all of the base's if absent. */
  suite: z.string().optional(),
  /** Repository that it covers; all if absent. */
  repository: z.string().optional(),
  /** Size in bytes. */
  size: z.int().positive(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/, 'is not a SHA-256 in hex'),
  /** Date of publication. */
  date: z.iso.date(),
});

const pinsSchema = z.strictObject({ format: z.literal(1), files: z.array(pinSchema) });

/** A pinned file of advisories: its hash, what it covers, and its date. */
export type AdvisoryPin = z.infer<typeof pinSchema>;

/** A database read from its pinned file. */
export interface PinnedDatabase {
  readonly pin: AdvisoryPin;
  readonly database: AdvisoryDatabase;
}

/**
 * Reads the pins of advisory files.
 * @returns an empty list if the file does not exist yet
 * @throws BuildError naming the first wrong key if it is malformed
 */
async function readAdvisoryPins(file: string): Promise<AdvisoryPin[]> {
  if (!existsSync(file)) return [];
  try {
    return pinsSchema.parse(JSON.parse(await readFile(file, 'utf8'))).files;
  } catch (cause) {
    const issue = cause instanceof z.ZodError ? cause.issues[0] : undefined;
    const why = issue === undefined ? 'no JSON' : `${issue.path.join('.')}: ${issue.message}`;
    const fix = 'Write it again with `qx-build advisories --pin FILE…`.';
    throw new BuildError({
      what: `the pinned advisory files are wrong: ${why}`,
      where: file,
      fix,
      cause,
    });
  }
}

/**
 * Pins files of advisories: each replaces the pin for the same base, release and repository.
 * @param date date of publication, `2026-11-28`; by default the modification time of each file, which `curl -R` and
 *   `wget` take over from the server
 * @returns the new pins
 * @throws BuildError if a file is not a database of advisories
 */
export async function pinAdvisories(
  files: readonly string[],
  { pinsFile, date }: { pinsFile: string; date?: string | undefined },
): Promise<AdvisoryPin[]> {
  const before = await readAdvisoryPins(pinsFile);
  const pins = await Promise.all(files.map(async (file) => pinOf(await readBytes(file), date)));
  const subjects = new Map([...before, ...pins].map((pin) => [subjectOf(pin), pin]));
  const sorted = [...subjects].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, pin]) => pin);
  await writeFileAtomically(pinsFile, `${JSON.stringify({ format: 1, files: sorted }, null, 2)}\n`);
  return pins;
}

/**
 * Reads pinned files of advisories, each once.
 * @throws BuildError if a file is not pinned, or has changed since
 */
export async function readPinned(
  files: readonly string[],
  pinsFile: string,
): Promise<PinnedDatabase[]> {
  const pins = await readAdvisoryPins(pinsFile);
  // Sequentially: reading a database takes a few hundred MB of memory.
  const databases = new Map<AdvisoryPin, PinnedDatabase>();
  for (const file of files) {
    const { text, sha256 } = await readBytes(file);
    const pin = pins.find((one) => one.sha256 === sha256);
    if (pin !== undefined) {
      if (!databases.has(pin)) databases.set(pin, { pin, database: parseDatabase(text, file) });
      continue;
    }
    const known = pins.some(({ name }) => name === basename(file));
    throw new BuildError({
      what: known
        ? `its SHA-256 is ${sha256}, not the pinned one`
        : 'it is not among the pinned advisory files',
      where: file,
      fix: `Pin it with \`qx-build advisories --pin ${file}\` if it is to be used (${pinsFile}).`,
    });
  }
  return [...databases.values()];
}

/** Identifies the subject of a file, for which there can be only one pin. */
function subjectOf({ base, suite = '', repository = '' }: AdvisoryPin): string {
  return [base, suite, repository].join(' ');
}

interface DatabaseFile {
  file: string;
  text: string;
  size: number;
  sha256: string;
  /** Modification time of the file; that of the file on the server if the download preserved it. */
  changed: Date;
}

async function readBytes(file: string): Promise<DatabaseFile> {
  try {
    const { size, mtime } = await stat(file);
    if (size > LARGEST_DATABASE) {
      throw new BuildError({ what: `it has ${size} bytes, more than any database`, where: file });
    }
    const bytes = await readFile(file);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    return { file, text: bytes.toString('utf8'), size: bytes.length, sha256, changed: mtime };
  } catch (cause) {
    if (cause instanceof BuildError) throw cause;
    throw new BuildError({ what: 'the advisories cannot be read', where: file, cause });
  }
}

function pinOf({ file, text, size, sha256, changed }: DatabaseFile, date?: string): AdvisoryPin {
  const { base, suites, repository } = parseDatabase(text, file);
  const [suite] = suites;
  return {
    name: basename(file),
    base,
    ...(suites.size === 1 && repository !== undefined ? { suite, repository } : {}),
    size,
    sha256,
    date: date ?? changed.toISOString().slice(0, 10),
  };
}
