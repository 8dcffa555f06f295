import { createWriteStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { ExplainedError } from '../error.ts';
import { getErrorCode } from '../process/code-of.ts';
import { tarOf } from './archive.ts';
import { type Item, yieldBundle } from './bundle.ts';
import { listContents, type Place, THIS_MACHINE } from './contents.ts';
import { readSecrets } from './secrets.ts';
import { withStick } from './stick-mount.ts';

/** A bundle cannot be written; the message is for the operator. */
export class SupportError extends ExplainedError {}

/**
 * Makes the bundle of a machine: a compressed archive (tar, gzip). The same machine state and time give the same bytes.
 * @param time of the files in the archive
 */
export async function* bundleOf(
  time: Date,
  signal: AbortSignal,
  place: Place = THIS_MACHINE,
): AsyncGenerator<Buffer> {
  const [listed, { secrets, unread }] = await Promise.all([
    listContents(place),
    readSecrets(place.root),
  ]);
  const items = unread.length === 0 ? listed : [...listed, makeWarning(unread)];
  const archive = Readable.from(tarOf(yieldBundle(items, { secrets, signal }), time));
  const packed = createGzip();
  const done = pipeline(archive, packed, { signal });
  // If the reader stops early, nobody waits for it.
  done.catch(() => undefined);
  yield* packed;
  await done;
}

/** Warns the reader of a bundle about files whose secrets may be in it. */
function makeWarning(unread: readonly string[]): Item {
  const text = [
    'These files could not be read. Secrets of them that other files repeat are not removed here,',
    'unless they look like secrets: search for them before you hand this bundle on.',
    ...unread,
  ].join('\n');
  return {
    name: 'READ-THIS-FIRST.txt',
    most: 65_536,
    keep: 'begin',
    read: async () => `${text}\n`,
  };
}

/** Returns the file name of a bundle: `support-node7-20260127T101500Z.tar.gz`. */
export function bundleName(hostname: string, time: Date): string {
  const name = /^[A-Za-z0-9-]{1,63}$/.test(hostname) ? hostname : 'host';
  const stamp = time.toISOString().replaceAll(/[-:]|\.\d+/g, '');
  return `support-${name}-${stamp}.tar.gz`;
}

/**
 * Writes the bundle of this machine to a stick. It is mounted only for the time of writing, and can be taken out
 * afterwards.
 * @param device such as `/dev/sdb1`, one of `readSticks`
 * @returns name of the file on the stick
 * @throws SupportError, StickError, CommandError
 */
export async function writeToStick(
  device: string,
  { hostname, signal }: { hostname: string; signal: AbortSignal },
): Promise<string> {
  const time = new Date();
  const name = bundleName(hostname, time);
  await withStick({ device, access: 'rw', signal }, (folder) =>
    writeFile(join(folder, name), bundleOf(time, signal), signal),
  );
  return name;
}

/** Writes a file atomically. */
async function writeFile(
  file: string,
  bytes: AsyncIterable<Buffer>,
  signal: AbortSignal,
): Promise<void> {
  const temporary = `${file}.part`;
  try {
    await pipeline(bytes, createWriteStream(temporary, { mode: 0o600 }), { signal });
    await using written = await open(temporary, 'r+');
    await written.sync();
    await rename(temporary, file);
    // Synced again for FAT: see `writeDurably`.
    await written.sync();
  } catch (error) {
    await rm(temporary, { force: true });
    if (getErrorCode(error) === 'ENOSPC') {
      throw new SupportError({
        what: 'the stick is full',
        fix: 'A bundle takes up to some 10 MiB.',
        cause: error,
      });
    }
    throw error;
  }
}
