import { z } from 'zod';
import { BASES } from '../bases.ts';
import { BuildError } from '../error.ts';
import type { AdvisoryDatabase } from './database.ts';
import { isSecdb, parseSecdb } from './secdb.ts';
import { parseTracker } from './tracker.ts';

/** Size limit of a database in bytes: Debian's has 70 MB, and the text has to fit into a string. */
export const LARGEST_DATABASE = 400 * 1024 * 1024;

/**
 * Parses a database of advisories; the base follows from the format.
 * @param where the file, for errors
 * @throws BuildError if it is neither Alpine's (secdb) nor Debian's (JSON of the security tracker), or is empty
 */
export function parseDatabase(text: string, where: string): AdvisoryDatabase {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw refuse(`it is not JSON: ${why}`, where, cause);
  }
  try {
    const database = isSecdb(json) ? parseSecdb(json) : parseTracker(json);
    if (database.entries === 0) throw refuse('it names no vulnerability', where);
    return database;
  } catch (error) {
    if (!(error instanceof z.ZodError)) throw error;
    const [{ path, message } = { path: [], message: 'is wrong' }] = error.issues;
    const key = path.map(String).join('.').slice(0, 200);
    throw refuse(`${key === '' ? '' : `${key}: `}${message}`, where, error);
  }
}

function refuse(why: string, where: string, cause?: unknown): BuildError {
  return new BuildError({
    what: `this is not an advisory database of ${BASES.alpine.title} or ${BASES.debian.title}: ${why}`,
    where,
    fix: 'docs/image-documents.md says where they are published; download it again.',
    cause,
  });
}
