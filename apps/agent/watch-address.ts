import { type Watch, watch } from '../watch/watch.ts';

/** Milliseconds between looks that no change of the network called for. */
const PAUSE = 30_000;

export interface AddressWatchOptions {
  detect: () => Promise<string | null>;
  /** Called with what the address was, and what it is; not at first. */
  onChange: (before: string | null, after: string | null) => void;
  signal: AbortSignal;
}

/** Sees to it that a change of the management address is noticed. Nobody gets the address from here: ask for it anew. */
export function watchAddress(
  options: AddressWatchOptions,
): Pick<Watch<unknown>, 'refreshSoon' | 'ended'> {
  const { detect, onChange, signal } = options;
  return watch<string | null>({
    // Without what was seen before, which `detect` might take for an argument of its own.
    look: () => detect(),
    pause: () => PAUSE,
    onChange: (after, before) => {
      if (before !== undefined) onChange(before, after);
    },
    signal,
  });
}
