import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../../error.ts';
import { ControlPlaneError } from '../error.ts';

/** Folder of the image's migrations. */
export const MIGRATIONS_FOLDER = '/usr/share/quantix-vdc/migrations';

/** One step of the schema, up and down: the pair `NNNNNN_name.up.sql` and `NNNNNN_name.down.sql`. */
export interface Migration {
  /** 1 for the first; there are no gaps. */
  readonly version: number;
  /** For example `000001_initial_schema`. */
  readonly name: string;
  readonly up: SqlFile;
  readonly down: SqlFile;
}

/** A file of SQL statements. */
export interface SqlFile {
  readonly path: string;
  readonly sql: string;
  /** In lower case hex. */
  readonly sha256: string;
}

const NAME = /^(\d{6}_[a-z0-9_]+)\.(up|down)\.sql$/;

/**
 * Reads the migrations of a folder, in order.
 * @throws ControlPlaneError if the folder is missing or empty, a file does not belong to a migration, one of a pair is
 *   missing, or a number is missing or occurs twice
 */
export async function readMigrations(folder: string): Promise<Migration[]> {
  const pairs = new Map<string, { up?: string; down?: string }>();
  for (const file of (await namesIn(folder)).sort()) {
    const [, name = '', direction] = NAME.exec(file) ?? [];
    if (direction !== 'up' && direction !== 'down') {
      throw wrong(
        folder,
        `${JSON.stringify(file)} is not a migration, NNNNNN_name.up.sql or NNNNNN_name.down.sql`,
      );
    }
    pairs.set(name, { ...pairs.get(name), [direction]: join(folder, file) });
  }
  if (pairs.size === 0) throw wrong(folder, 'there are no migrations');
  return await Promise.all(
    [...pairs].map(async ([name, { up, down }], index) => {
      if (up === undefined || down === undefined) {
        throw wrong(folder, `${name} has no ${up === undefined ? 'up' : 'down'}.sql`);
      }
      const version = Number(name.slice(0, 6));
      if (version !== index + 1) {
        throw wrong(folder, `${name} should have the number ${String(index + 1).padStart(6, '0')}`);
      }
      return { version, name, up: await readSql(up), down: await readSql(down) };
    }),
  );
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (cause) {
    const why = messageOf(cause);
    throw wrong(folder, `the migrations cannot be read: ${why}`, cause);
  }
}

async function readSql(path: string): Promise<SqlFile> {
  const bytes = await readFile(path);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { path, sql: bytes.toString('utf8'), sha256 };
}

function wrong(where: string, what: string, cause?: unknown): ControlPlaneError {
  const fix = 'The migrations belong to the image: install it again.';
  return new ControlPlaneError({ what, where, fix, cause });
}
