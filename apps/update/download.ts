import { ExplainedError } from '../error.ts';
import type { Clock } from '../watch/clock.ts';
import type { Part, Source } from './source.ts';

/** A temporary failure of a source; another try may succeed. The message is a clause. */
export class TemporaryFailure extends Error {
  override readonly name = 'TemporaryFailure';
}

/** Settings of a transfer that is tried repeatedly. */
interface Tries {
  /** Name of the source in messages. */
  source: string;
  clock: Clock;
  signal: AbortSignal;
  /** Receives each failure after which there is another try, and the milliseconds until that try. */
  onFailure?: ((problem: string, wait: number) => void) | undefined;
}

/** A download of an image. */
export interface Download extends Tries {
  /** Reads the image from an offset on. @throws TemporaryFailure if another try may succeed */
  open: (part: Part) => AsyncIterable<Uint8Array>;
  /** Bytes that exist already, and the total number. */
  from: number;
  bytes: number;
  /** Bytes that may be received, including those of failed tries. */
  budget: number;
}

/** A download of a `release.json`. */
export interface ReleaseFetch extends Omit<Tries, 'source'> {
  source: Pick<Source, 'name' | 'readRelease'>;
  /** Milliseconds after which no further try begins. */
  within: number;
}

/** Tries without progress after which a download is given up: a little more than half an hour. */
const MOST_TRIES = 36;
/** Bytes that count as progress: a source that sends one byte per try is given up. */
const PROGRESS = 1024 * 1024;
const LONGEST_WAIT = 60_000;
/** Milliseconds within which an open connection must make progress; otherwise it counts as broken. */
const PROGRESS_WITHIN = 10 * 60_000;

/**
 * Returns the milliseconds before the next try: doubled from one second up to a minute, reduced at random by up to a
 * quarter, so that many machines do not retry at the same moment.
 * @param failures failed tries in a row, from 1
 */
export function computeBackOff(failures: number, chance = Math.random()): number {
  const wait = Math.min(1_000 * 2 ** (failures - 1), LONGEST_WAIT);
  return Math.round(wait * (1 - chance / 4));
}

/**
 * Yields an image's bytes from an offset on, in order. After a temporary failure, another try continues where the last
 * one ended.
 * @throws ExplainedError if there are too many bytes, or no progress for too long; permanent errors of the source; the
 *   signal's reason
 */
export async function* download(fetch: Download): AsyncGenerator<Uint8Array> {
  const { source, open, from, bytes, budget, clock, signal } = fetch;
  let offset = from;
  let received = 0;
  let failures = 0;
  const count = (more: number) => {
    received += more;
    if (received > budget) throw tooMuch(source, budget);
  };
  while (offset < bytes) {
    const start = offset;
    let mark = { offset, at: clock.elapsed() };
    try {
      for await (const piece of open({ offset, signal, onVain: count })) {
        signal.throwIfAborted();
        count(piece.length);
        if (offset + piece.length > bytes) throw tooLong(source, bytes);
        offset += piece.length;
        yield piece;
        if (offset - mark.offset >= PROGRESS) mark = { offset, at: clock.elapsed() };
        else if (clock.elapsed() - mark.at > PROGRESS_WITHIN) {
          throw new TemporaryFailure(
            `only ${offset - mark.offset} bytes arrived in ${PROGRESS_WITHIN / 60_000} minutes`,
          );
        }
      }
      if (offset < bytes) throw new TemporaryFailure(`it ended after ${offset} of ${bytes} bytes`);
    } catch (error) {
      failures = offset - start >= PROGRESS ? 1 : failures + 1;
      await awaitNextTry(error, failures, {
        ...fetch,
        isLast: () => failures > MOST_TRIES,
        givenUp: {
          what: `given up after ${failures} tries without progress`,
          fix: 'Another try continues where this one ended.',
        },
      });
    }
  }
}

/**
 * Reads the text of a source's `release.json`. After a temporary failure, it is tried again, until `within` has passed.
 * @throws ExplainedError if no try succeeds in time; permanent errors of the source; the signal's reason
 */
export async function fetchRelease(fetch: ReleaseFetch): Promise<string> {
  const { source, within, clock, signal } = fetch;
  const begun = clock.elapsed();
  for (let failures = 1; ; failures += 1) {
    try {
      return await source.readRelease(signal);
    } catch (error) {
      await awaitNextTry(error, failures, {
        ...{ ...fetch, source: source.name },
        isLast: (wait) => clock.elapsed() - begun + wait > within,
        givenUp: {
          what: `there is no release.json after ${failures} tries`,
          fix: 'See that the server runs and is reached from here (`qx-network status`), and ask again.',
        },
      });
    }
  }
}

/** Condition under which no further try follows, and the text of the error in that case. */
interface End {
  /** @param wait milliseconds until the next try would begin */
  isLast: (wait: number) => boolean;
  givenUp: { what: string; fix: string };
}

/**
 * Waits after a failed try, longer after each.
 * @param failures failed tries in a row, from 1
 * @throws the failure itself if another try would not help; ExplainedError if it was the last try; the signal's reason
 */
async function awaitNextTry(
  failure: unknown,
  failures: number,
  { source, clock, signal, onFailure, isLast, givenUp }: Tries & End,
): Promise<void> {
  signal.throwIfAborted();
  if (!(failure instanceof TemporaryFailure)) throw failure;
  const wait = computeBackOff(failures);
  if (isLast(wait)) {
    const what = `${givenUp.what}: ${failure.message}`;
    throw new ExplainedError({ what, where: source, fix: givenUp.fix, cause: failure });
  }
  onFailure?.(failure.message, wait);
  await clock.sleep(wait, signal);
  signal.throwIfAborted();
}

function tooMuch(source: string, budget: number): ExplainedError {
  return new ExplainedError({
    what: `the download was ended: it had taken the ${budget} bytes that it may`,
    where: source,
    fix: 'The connection breaks too often; --budget MIB allows more.',
  });
}

function tooLong(source: string, bytes: number): ExplainedError {
  return new ExplainedError({
    what: `it sends more than the ${bytes} bytes that the release names`,
    where: source,
    fix: 'The server has another file under this name.',
  });
}
