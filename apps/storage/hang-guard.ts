/** Looks that may hang at a time: each holds one of the four threads that read files for this process. */
const MOST_HANGING = 2;

/** A look at a pool that does not come back. */
export class HangError extends Error {
  override readonly name = 'HangError';
}

/**
 * Keeps looks at file systems from hanging this process: nothing ends a read that waits for a file server, but nobody
 * has to wait for it. A pool whose look hangs is not looked at again before that comes back.
 */
export class HangGuard {
  readonly #hanging = new Set<string>();

  /**
   * @param key the pool
   * @param milliseconds for which the look is waited for
   * @throws HangError if it does not come back, or an earlier one has not
   */
  async look<T>(key: string, milliseconds: number, work: () => Promise<T>): Promise<T> {
    if (this.#hanging.has(key)) throw new HangError('does not answer');
    if (this.#hanging.size >= MOST_HANGING) throw new HangError('not looked at: other pools hang');
    const working = work();
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        this.#hanging.add(key);
        const free = () => this.#hanging.delete(key);
        working.then(free, free);
        reject(new HangError(`does not answer within ${milliseconds / 1000} s`));
      }, milliseconds);
    });
    try {
      return await Promise.race([working, limit]);
    } finally {
      clearTimeout(timer);
    }
  }
}
