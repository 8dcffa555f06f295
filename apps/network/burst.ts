/** Makes one call of many notes. */
export interface Burst {
  /** Something happened: there will be a call. */
  note(): void;
  /** There will be none. */
  cancel(): void;
}

/** Calls once for all notes within some milliseconds of the first one, however long they go on. */
export function burst(milliseconds: number, call: () => void): Burst {
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
