import { closeSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs';

/** Bytes of a file of the kernel that are read at most; the list of a thousand processors has half of them. */
const MOST = 4 * 1024 * 1024;

/** What is read at a time. */
const piece = Buffer.alloc(16 * 1024);

/** With these the kernel and its drivers say that something is not there or not known (errno(3)). */
const NOT_TOLD = new Set([
  'ENOENT',
  'ENOTDIR',
  'EISDIR',
  'EINVAL',
  'EIO',
  'ENODEV',
  'ENXIO',
  'EACCES',
  'EPERM',
  'ENODATA',
  'EOPNOTSUPP',
  'ENOTSUP',
  'EBUSY',
]);

/**
 * The bytes of a file of /proc or /sys; `undefined` where the kernel tells none. Read at once, as names and targets are:
 * the kernel tells them from memory, and a thread of its own for each step of each file costs many times as much.
 */
export async function readBytes(path: string, most = MOST): Promise<Buffer | undefined> {
  return told(() => {
    const file = openSync(path, 'r');
    try {
      const pieces: Buffer[] = [];
      for (let length = 0; length < most; ) {
        const read = readSync(file, piece);
        if (read === 0) break;
        pieces.push(Buffer.from(piece.subarray(0, read)));
        length += read;
      }
      return Buffer.concat(pieces).subarray(0, most);
    } finally {
      closeSync(file);
    }
  });
}

/** The text of a file of /proc or /sys; empty where the kernel tells none. */
export async function readText(path: string): Promise<string> {
  return (await readBytes(path))?.toString('utf8') ?? '';
}

/** An attribute of /sys without blanks around it; `null` where the kernel tells none. */
export async function readAttribute(path: string): Promise<string | null> {
  const text = (await readText(path)).replaceAll('\0', '').trim();
  return text === '' ? null : text;
}

/** An attribute of /sys that is a whole number; `null` where the kernel tells none. */
export async function readNumber(path: string): Promise<number | null> {
  const text = (await readAttribute(path)) ?? '';
  return /^-?\d{1,15}$/.test(text) ? Number(text) : null;
}

/** Names in a folder, sorted; none if there is no such folder. */
export async function readNames(path: string): Promise<string[]> {
  return told(() => readdirSync(path))?.sort() ?? [];
}

/** Where a link of /sys points to, as it is written; `null` if there is none. */
export async function readTarget(path: string): Promise<string | null> {
  return told(() => readlinkSync(path)) ?? null;
}

function told<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (error instanceof Error && 'code' in error && NOT_TOLD.has(String(error.code))) {
      return undefined;
    }
    throw error;
  }
}
