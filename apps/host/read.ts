import { closeSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs';

/** Maximum number of bytes read from a file of the kernel; the list of a thousand processors has half as many. */
const MOST = 4 * 1024 * 1024;

/** Buffer for one read. */
const piece = Buffer.alloc(16 * 1024);

/** Error codes (errno(3)) with which the kernel and its drivers report that a value does not exist or is not known. */
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
 * Reads the bytes of a file of /proc or /sys; returns `undefined` if the kernel does not report it. Uses synchronous
 * calls, as `readNames` and `readTarget` do: the kernel answers from memory, and asynchronous calls would cost many
 * times as much.
 */
export async function readBytes(path: string, most = MOST): Promise<Buffer | undefined> {
  return ifReported(() => {
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

/** Reads the text of a file of /proc or /sys; returns '' if the kernel does not report it. */
export async function readText(path: string): Promise<string> {
  return (await readBytes(path))?.toString('utf8') ?? '';
}

/** Reads an attribute of /sys without surrounding blanks; returns `null` if the kernel does not report it. */
export async function readAttribute(path: string): Promise<string | null> {
  const text = (await readText(path)).replaceAll('\0', '').trim();
  return text === '' ? null : text;
}

/** Reads an attribute of /sys that is an integer; returns `null` if the kernel does not report it. */
export async function readNumber(path: string): Promise<number | null> {
  const text = (await readAttribute(path)) ?? '';
  return /^-?\d{1,15}$/.test(text) ? Number(text) : null;
}

/** Reads the names in a folder, sorted; returns none if the folder does not exist. */
export async function readNames(path: string): Promise<string[]> {
  return ifReported(() => readdirSync(path))?.sort() ?? [];
}

/** Reads the target of a symbolic link of /sys; returns `null` if it does not exist. */
export async function readTarget(path: string): Promise<string | null> {
  return ifReported(() => readlinkSync(path)) ?? null;
}

function ifReported<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (error instanceof Error && 'code' in error && NOT_TOLD.has(String(error.code))) {
      return undefined;
    }
    throw error;
  }
}
