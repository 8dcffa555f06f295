import { isDeepStrictEqual } from 'node:util';
import { Bell } from './bell.ts';
import { oneAtATime } from './one-at-a-time.ts';

export interface WatchOptions<Sight> {
  /** Looks at it. What it throws ends the watch. */
  look: (before: Sight | undefined) => Promise<Sight>;
  /** Milliseconds until the next look, if nothing calls for one before. */
  pause: () => number;
  /** Called with the first sight, and with each that differs from the one before. */
  onChange: (sight: Sight, before: Sight | undefined) => void;
  /** Ends the watch. */
  signal: AbortSignal;
}

/** A watch of something that is looked at again and again. */
export interface Watch<Sight> {
  /** What was last seen; waits for the first look. */
  last: () => Promise<Sight>;
  /** Looks anew. */
  refresh: () => Promise<Sight>;
  /** Calls for a look soon; costs nothing to call often. */
  ring: () => void;
  /** Resolves after the signal is aborted; rejects with what a look threw. */
  ended: Promise<void>;
}

/** Looks at something now, whenever it is called for, and from time to time. */
export function watch<Sight>(options: WatchOptions<Sight>): Watch<Sight> {
  const { look, pause, onChange, signal } = options;
  const bell = new Bell();
  let last: { sight: Sight } | undefined;

  const refresh = oneAtATime(async () => {
    const before = last?.sight;
    const sight = await look(before);
    const changed = last === undefined || !isDeepStrictEqual(sight, before);
    last = { sight };
    if (changed) onChange(sight, before);
    return sight;
  });

  async function again(): Promise<void> {
    try {
      for (;;) {
        await refresh();
        await bell.wait(pause(), signal);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  return {
    last: async () => last?.sight ?? (await refresh()),
    refresh,
    ring: () => bell.ring(),
    ended: again(),
  };
}
