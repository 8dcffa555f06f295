import { isDeepStrictEqual } from 'node:util';
import { AutoResetEvent } from './auto-reset-event.ts';
import { oneAtATime } from './one-at-a-time.ts';

export interface WatchOptions<Value> {
  /** Looks at it. What it throws ends the watch. */
  look: (before: Value | undefined) => Promise<Value>;
  /** Milliseconds until the next look, if nothing calls for one before. */
  pause: () => number;
  /** Called with the first value, and with each that differs from the one before. */
  onChange: (value: Value, before: Value | undefined) => void;
  /** Ends the watch. */
  signal: AbortSignal;
}

/** A watch of something that is looked at again and again. */
export interface Watch<Value> {
  /** What was last seen; waits for the first look. */
  last: () => Promise<Value>;
  /** Looks anew. */
  refresh: () => Promise<Value>;
  /** Calls for a look soon; costs nothing to call often. */
  refreshSoon: () => void;
  /** Resolves after the signal is aborted; rejects with what a look threw. */
  ended: Promise<void>;
}

/** Looks at something now, whenever it is called for, and from time to time. */
export function watch<Value>(options: WatchOptions<Value>): Watch<Value> {
  const { look, pause, onChange, signal } = options;
  const asked = new AutoResetEvent();
  let last: { value: Value } | undefined;

  const refresh = oneAtATime(async () => {
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
