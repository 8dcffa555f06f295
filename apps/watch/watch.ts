import { isDeepStrictEqual } from 'node:util';
import { AutoResetEvent } from './auto-reset-event.ts';
import { runOneAtATime } from './one-at-a-time.ts';

export interface WatchOptions<Value> {
  /** Reads the value. An error ends the watch. */
  look: (before: Value | undefined) => Promise<Value>;
  /** Milliseconds until the next read, unless one is requested before. */
  pause: () => number;
  /** Called with the first value, and with each value that differs from the one before. */
  onChange: (value: Value, before: Value | undefined) => void;
  /** Ends the watch. */
  signal: AbortSignal;
}

/** A watch of a value that is read repeatedly. */
export interface Watch<Value> {
  /** The last value; waits for the first read. */
  last: () => Promise<Value>;
  /** Reads the value now. */
  refresh: () => Promise<Value>;
  /** Requests a read soon; cheap to call often. */
  refreshSoon: () => void;
  /** Resolves after the signal is aborted; rejects with an error of `look`. */
  ended: Promise<void>;
}

/** Reads a value now, whenever it is requested, and at intervals. */
export function watch<Value>(options: WatchOptions<Value>): Watch<Value> {
  const { look, pause, onChange, signal } = options;
  const asked = new AutoResetEvent();
  let last: { value: Value } | undefined;

  const refresh = runOneAtATime(async () => {
    const before = last?.value;
    const value = await look(before);
    const changed = last === undefined || !isDeepStrictEqual(value, before);
    last = { value };
    if (changed) onChange(value, before);
    return value;
  });

  async function again(): Promise<void> {
    try {
      while (!signal.aborted) {
        await refresh();
        await asked.wait(pause(), signal);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  return {
    last: async () => last?.value ?? (await refresh()),
    refresh,
    refreshSoon: () => asked.set(),
    ended: again(),
  };
}
