import { open, unlink } from 'node:fs/promises';
import { getErrorCode } from '../../process/code-of.ts';
import type { Executor } from '../database/database.ts';
import { raiseAlert } from '../database/repositories/alerts.ts';

/** Maximum number of bytes of a notice that are read. */
const LONGEST = 4096;

/**
 * Reads a notice: one line of text for people, as written by `overlay/qvdc/usr/lib/quantix/vdc/etcd`. Other content is
 * reduced to printable text.
 */
export function parseNotice(bytes: Uint8Array): string {
  const text = new TextDecoder().decode(bytes.subarray(0, LONGEST));
  const [line = ''] = text.split('\n');
  const shown = line.replace(/[^\p{L}\p{N}\p{P}\p{S} ]/gu, '').trim();
  return shown === '' ? 'the reason was not noted' : shown;
}

/**
 * Raises an alert from the notice that etcd's service leaves when it has set its folder aside, and removes the notice.
 * The notice stays if the alert cannot be raised.
 * @returns its text; undefined if there is none
 * @throws if the notice cannot be read or removed, or the database refuses
 */
export async function takeNotice(db: Executor, file: string): Promise<string | undefined> {
  const bytes = await readNotice(file);
  if (bytes === undefined) return undefined;
  const message = parseNotice(bytes);
  await raiseAlert(db, {
    severity: 'WARNING',
    title: 'The folder of etcd was damaged',
    message,
    sourceType: 'CONTROL_PLANE',
    sourceName: 'etcd',
  });
  await unlink(file);
  return message;
}

async function readNotice(file: string): Promise<Uint8Array | undefined> {
  try {
    await using handle = await open(file, 'r');
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(LONGEST), 0, LONGEST, 0);
    return buffer.subarray(0, bytesRead);
  } catch (error) {
    if (getErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
