import { messageOf } from '../error.ts';
import type { ArchiveEntry } from './archive.ts';
import { hideSecrets } from './secrets.ts';

/** Something that goes into a bundle. */
export interface Item {
  /** Path in the bundle. */
  name: string;
  /** Bytes that are kept of it at most. */
  most: number;
  /** Which part of it is kept, if it is longer: of a log what is newest. */
  keep: 'begin' | 'end';
  /** Its text. Rejects with an error whose message tells a person why there is none. */
  read: (signal: AbortSignal) => Promise<string>;
}

/** What became of an item. */
interface Taken {
  name: string;
  bytes: number;
  /** Bytes that were left out. */
  cut: number;
  problem: string | null;
}

/** Bytes of all items together. */
const MOST = 48 * 1024 * 1024;
/** Milliseconds that an item may take. */
const PATIENCE = 30_000;

/**
 * The files of a bundle, in the order of their names; last a list of what is in it, what was cut and what could not be read.
 * Each is read when it is its turn, and has no secret in it.
 */
export async function* bundle(
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
  /** Bytes of all items together; 48 MiB if absent. */
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

/** Whole lines of a text, as many as fit. */
function part(text: string, { keep }: Pick<Item, 'keep'>, most: number): string {
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length <= most) return text;
  if (keep === 'begin') {
    const end = bytes.lastIndexOf('\n', most - 1) + 1;
    return bytes.subarray(0, end).toString('utf8');
  }
  const start = bytes.indexOf('\n', bytes.length - most - 1) + 1;
  return start === 0 ? '' : bytes.subarray(start).toString('utf8');
}
