import { randomUUID } from 'node:crypto';
import type { Pool } from '../api/storage.ts';
import { run } from '../process/run.ts';
import type { ChildOptions } from './probe.ts';
import { DESCRIPTOR, determineVolumeFormat, HEAD, isQcow2 } from './volume-format.ts';

export type Volume = Pool['volumes'][number];

/** Milliseconds for reading the heads of a batch of files. */
const TIME_LIMIT = 60_000;

/** Number of files whose heads one child reads: their paths are its arguments. */
const BATCH = 256;

/** Milliseconds after a change in which a file may change again without a new time stamp. */
const FRESH = 2_000;

/** Attributes of a file. */
export interface FileFacts {
  path: string;
  /** Size in bytes, and bytes allocated on the disk. */
  size: number;
  allocated: number;
  /** Times of its content and of its inode, in seconds since 1970. */
  modified: number;
  changed: number;
}

/**
 * Determines the formats of files. Reads a file once, and again only after its size or one of its times has changed.
 */
export class FormatReader {
  #known = new Map<string, { facts: FileFacts; readAt: number; volume: Volume }>();

  /**
   * Returns the volumes of a folder.
   * @param files all of its files
   * @throws CommandError if reading takes too long; files that have been read by then are not read again
   */
  async read(
    folder: string,
    files: readonly FileFacts[],
    options: ChildOptions = {},
  ): Promise<Volume[]> {
    const fresh = files.filter((facts) => !isKnown(this.#known.get(facts.path), facts));
    for (let start = 0; start < fresh.length; start += BATCH) {
      const readAt = Date.now();
      const batch = fresh.slice(start, start + BATCH);
      const heads = await readHeads(batch, options);
      for (const facts of batch) {
        const volume = toVolume(folder, facts, heads.get(facts.path) ?? NOTHING);
        this.#known.set(facts.path, { facts, readAt, volume });
      }
    }
    const there = files.flatMap(({ path }) => {
      const known = this.#known.get(path);
      return known === undefined ? [] : [[path, known] as const];
    });
    this.#known = new Map(there);
    return there.map(([, { volume }]) => volume);
  }
}

function isKnown(
  known: { facts: FileFacts; readAt: number } | undefined,
  { size, allocated, modified, changed }: FileFacts,
): boolean {
  if (known === undefined) return false;
  const { facts, readAt } = known;
  const isSame =
    facts.size === size &&
    facts.allocated === allocated &&
    facts.modified === modified &&
    facts.changed === changed;
  return isSame && changed * 1000 + FRESH < readAt;
}

interface Head {
  head: Buffer;
  descriptor: Buffer;
}

const NOTHING: Head = { head: Buffer.alloc(0), descriptor: Buffer.alloc(0) };

function toVolume(folder: string, { path, size, allocated }: FileFacts, head: Head): Volume {
  const name = path.slice(folder.length + 1);
  return { name, path, allocated, ...determineVolumeFormat({ name, size, ...head }) };
}

/** Prints bytes of each file in hexadecimal, unless it is not a regular file: TOKEN OFFSET COUNT FILE… */
const BYTES_AT = `token=$1 offset=$2 count=$3
shift 3
for file; do
	echo "$token"
	[ ! -f "$file" ] || [ -h "$file" ] || od -A n -v -t x1 -j "$offset" -N "$count" "$file"
done 2>/dev/null
:`;

/** Reads the heads of files, by path; files that cannot be read are missing. */
async function readHeads(
  files: readonly FileFacts[],
  options: ChildOptions,
): Promise<ReadonlyMap<string, Head>> {
  const heads = await bytesAt(files, 0, HEAD, options);
  const others = files.filter(({ path }) => !isQcow2(heads.get(path) ?? NOTHING.head));
  const { at, text } = DESCRIPTOR;
  const descriptors = await bytesAt(others, at, text.length, options);
  return new Map(
    files.map(({ path }) => {
      const { head, descriptor } = NOTHING;
      return [
        path,
        { head: heads.get(path) ?? head, descriptor: descriptors.get(path) ?? descriptor },
      ];
    }),
  );
}

async function bytesAt(
  files: readonly FileFacts[],
  offset: number,
  count: number,
  options: ChildOptions,
): Promise<Map<string, Buffer>> {
  const paths = files.filter(({ size }) => size >= offset + count).map(({ path }) => path);
  if (paths.length === 0) return new Map();
  const token = randomUUID();
  const args = ['-c', BYTES_AT, 'sh', token, String(offset), String(count), ...paths];
  const stdout = await run('sh', args, { timeout: TIME_LIMIT, ...options });
  const pieces = stdout.split(token).slice(1);
  return new Map(
    paths.map((path, index) => [
      path,
      Buffer.from((pieces[index] ?? '').replaceAll(/\s/g, ''), 'hex'),
    ]),
  );
}
