import { messageOf } from '../error.ts';
import type { ArchiveEntry } from './archive.ts';
import { hideSecrets } from './secrets.ts';

/** A file of a bundle. */
export interface Item {
  /** Path in the bundle. */
  name: string;
  /** Largest size in the bundle, in bytes. */
  most: number;
  /** Which part of a longer text is included; of a log, the end, which is the newest. */
  keep: 'begin' | 'end';
  /** Reads its text. Rejects with an error whose message says, for a person, why there is none. */
  read: (signal: AbortSignal) => Promise<string>;
}

/** How an item was read. */
interface Taken {
  name: string;
  bytes: number;
  /** Bytes that were left out. */
  cut: number;
  problem: string | null;
}

/** Maximum number of bytes of all items together. */
const MOST = 48 * 1024 * 1024;
/** Milliseconds that reading an item may take. */
const PATIENCE = 30_000;

/**
 * Yields the files of a bundle in the order of their names, then a file that lists them, what was cut and what could
 * not be read. Items are read one after the other; secrets are removed.
 */
export async function* yieldBundle(
  items: readonly Item[],
  { secrets, signal, most = MOST }: BundleOptions,
): AsyncGenerator<ArchiveEntry> {
  const taken: Taken[] = [];
  let left = most;
  for (const item of [...items].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    signal.throwIfAborted();
    const { text, problem } = await attempt(item, signal);
    const hidden = hideSecrets(text, secrets);
    const kept = part(hidden, item, Math.min(left, item.most));
    left -= Buffer.byteLength(kept);
    taken.push({
      name: item.name,
      bytes: Buffer.byteLength(kept),
      cut: Buffer.byteLength(hidden) - Buffer.byteLength(kept),
      problem: problem === null ? null : hideSecrets(problem, secrets),
    });
    if (kept !== '') yield { name: item.name, text: kept };
  }
  yield { name: 'contents.json', text: `${JSON.stringify(taken, null, 1)}\n` };
}

export interface BundleOptions {
  /** Secrets of this machine, longest first. */
  secrets: readonly string[];
  signal: AbortSignal;
  /** Maximum number of bytes of all items together; 48 MiB if absent. */
  most?: number;
}

async function attempt(
  { read }: Item,
  signal: AbortSignal,
): Promise<{ text: string; problem: string | null }> {
  try {
    const limited = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)]);
    return { text: await read(limited), problem: null };
  } catch (error) {
    signal.throwIfAborted();
    const problem = messageOf(error);
    return { text: '', problem };
  }
}

/** Returns as many whole lines of a text as fit. */
function part(text: string, { keep }: Pick<Item, 'keep'>, most: number): string {
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length <= most) return text;
  if (most === 0) return '';
  if (keep === 'begin') {
    const end = bytes.lastIndexOf('\n', most - 1) + 1;
    return bytes.subarray(0, end).toString('utf8');
  }
  const start = bytes.indexOf('\n', bytes.length - most - 1) + 1;
  return start === 0 ? '' : bytes.subarray(start).toString('utf8');
}
