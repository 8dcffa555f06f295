import { createHash } from 'node:crypto';
import * as z from 'zod';
import { ControlPlaneError } from '../error.ts';
import { ByteReader, damaged, seal, unseal } from './sealed-stream.ts';

/** Largest size in bytes of the manifest and of each file beside the dump: both are held in memory. */
const MOST_BYTES = 1024 * 1024;

const SHA256_BYTES = 32;

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** Files that a backup holds besides the dump; the configuration only if it exists. */
export const FILE_NAMES = ['ca.pem', 'config.yaml'] as const;
export type FileName = (typeof FILE_NAMES)[number];

const manifestSchema = z.object({
  /** Product that the backup belongs to. */
  product: z.string().max(100),
  /** Version of the program that made it. */
  program: z.string().max(100),
  /** Time of the state that the backup contains. */
  madeAt: z.iso.datetime(),
  /** Major version of the PostgreSQL server that was dumped. */
  postgresql: z.int().positive(),
  /** The applied migrations, as in the database's ledger. */
  migrations: z
    .array(z.object({ version: z.int(), name: z.string(), upSha256: sha256, downSha256: sha256 }))
    .max(10_000),
  /** Table → its number of rows; the name of a table outside the schema `public` begins with its schema. */
  counts: z.record(z.string(), z.int().nonnegative()),
  /** SHA-256 of the certificate authority's root certificate. */
  authority: sha256,
  files: z
    .array(z.object({ name: z.enum(FILE_NAMES), size: z.int().min(0).max(MOST_BYTES), sha256 }))
    .max(FILE_NAMES.length),
});

/** The manifest of a backup. */
export type Manifest = z.output<typeof manifestSchema>;

/** The content to write into a backup. */
export interface ArchiveContent {
  readonly manifest: Omit<Manifest, 'files'>;
  readonly files: ReadonlyMap<FileName, Uint8Array>;
  /** A dump of pg_dump(1) in its custom format. */
  readonly dump: AsyncIterable<Uint8Array>;
}

/** A backup that is being read. */
export interface Archive {
  readonly manifest: Manifest;
  readonly files: ReadonlyMap<FileName, Buffer>;
  /** @throws ControlPlaneError while it is read, if the backup is damaged: do not trust any part before the end */
  readonly dump: AsyncGenerator<Buffer>;
}

/**
 * Writes a backup: a sealed stream of the manifest's length in bytes (4 bytes, big-endian), the manifest in JSON, the
 * files in the manifest's order, the dump, and the dump's SHA-256 (32 bytes).
 * @param cost see `seal`
 */
export function writeArchive(
  content: ArchiveContent,
  passphrase: string,
  cost?: number,
): AsyncGenerator<Buffer> {
  return seal(contentOf(content), passphrase, cost);
}

async function* contentOf({ manifest, files, dump }: ArchiveContent): AsyncGenerator<Uint8Array> {
  const listed = [...files].map(([name, bytes]) => ({
    ...{ name, size: bytes.length },
    sha256: createHash('sha256').update(bytes).digest('hex'),
  }));
  const text = Buffer.from(JSON.stringify({ ...manifest, files: listed }));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(text.length);
  yield length;
  yield text;
  yield* files.values();
  const hash = createHash('sha256');
  for await (const piece of dump) {
    hash.update(piece);
    yield piece;
  }
  yield hash.digest();
}

/**
 * Opens a backup and reads its manifest and files, but not its dump.
 * @throws ControlPlaneError if it is not a backup, cannot be opened with this passphrase, or is damaged
 */
export async function openArchive(
  sealed: AsyncIterable<Uint8Array>,
  passphrase: string,
): Promise<Archive> {
  const source = new ByteReader(unseal(sealed, passphrase));
  const length = await readWhole(source, 4);
  const size = length.readUInt32BE();
  if (size > MOST_BYTES) throw damaged('its manifest is too long');
  const manifest = parseManifest(await readWhole(source, size));
  const files = new Map<FileName, Buffer>();
  for (const { name, size: bytes, sha256: expected } of manifest.files) {
    const content = await readWhole(source, bytes);
    if (files.has(name) || createHash('sha256').update(content).digest('hex') !== expected) {
      throw damaged(`${name} does not match the manifest`);
    }
    files.set(name, content);
  }
  return { manifest, files, dump: dumpOf(source) };
}

async function readWhole(source: ByteReader, size: number): Promise<Buffer> {
  const bytes = await source.read(size);
  if (bytes.length < size) throw damaged('it ends before its dump');
  return bytes;
}

function parseManifest(bytes: Buffer): Manifest {
  let content: unknown;
  try {
    content = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw damaged('its manifest is not JSON', cause);
  }
  const parsed = manifestSchema.safeParse(content);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new ControlPlaneError({
    what: `the manifest of the backup cannot be read: ${issue?.message ?? 'it is not valid'}`,
    where: issue?.path.join('.'),
    fix: 'Use the version of QvDC that made it, or a newer one.',
  });
}

/** Yields the dump: all but the last 32 bytes, which are its hash. */
async function* dumpOf(source: ByteReader): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  let held = Buffer.alloc(0);
  for await (const piece of source.rest()) {
    const all = Buffer.concat([held, piece]);
    const end = Math.max(0, all.length - SHA256_BYTES);
    held = all.subarray(end);
    hash.update(all.subarray(0, end));
    if (end > 0) yield all.subarray(0, end);
  }
  if (!hash.digest().equals(held)) throw damaged('its dump does not match its checksum');
}
