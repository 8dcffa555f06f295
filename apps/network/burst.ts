/** Combines several notifications into one call. */
export interface Burst {
  /** Notifies; a call follows. */
  note(): void;
  /** Cancels a pending call. */
  cancel(): void;
}

/** Makes one call for all notifications within some milliseconds after the first one. */
export function combineBursts(milliseconds: number, call: () => void): Burst {
  let timer: NodeJS.Timeout | undefined;
  return {
    note() {
      timer ??= setTimeout(() => {
        timer = undefined;
        call();
      }, milliseconds);
    },
    cancel() {
      clearTimeout(timer);
      timer = undefined;
    },
  };
}
