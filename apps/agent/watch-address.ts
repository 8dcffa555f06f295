import { type Watch, watch } from '../watch/watch.ts';

/** Milliseconds between two reads; a change of the network causes an earlier read. */
const PAUSE = 30_000;

export interface AddressWatchOptions {
  detect: () => Promise<string | null>;
  /** Called with the previous and the new address after each change. */
  onChange: (before: string | null, after: string | null) => void;
  signal: AbortSignal;
}

/**
 * Watches for changes of the management address. It does not provide the address itself: callers detect it when they
 * need it.
 */
export function watchAddress(
  options: AddressWatchOptions,
): Pick<Watch<unknown>, 'refreshSoon' | 'ended'> {
  const { detect, onChange, signal } = options;
  return watch<string | null>({
    // The previous value is not passed on, because `detect` could use it as its argument.
    look: () => detect(),
    pause: () => PAUSE,
    onChange: (after, before) => {
      if (before !== undefined) onChange(before, after);
    },
    signal,
  });
}
