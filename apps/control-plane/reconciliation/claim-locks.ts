/**
 * Locks on virtual machines: only one call at a time may determine the node of a virtual machine. Otherwise, the
 * reports of two hosts about a migration that arrive at the same moment would be processed without each other's claims.
 * Locks within this program are enough, since there is only one leader.
 */
export class ClaimLocks {
  readonly #last = new Map<string, Promise<void>>();

  /**
   * Waits until nobody else holds any of these ids. @returns a function that releases them, to be called after the
   * transaction has ended
   */
  async acquire(ids: Iterable<string>): Promise<() => void> {
    // All ids are requested in one step, so that two callers cannot deadlock.
    const wanted = [...new Set(ids)];
    const before = wanted.map((id) => this.#last.get(id));
    const { promise, resolve } = Promise.withResolvers<void>();
    for (const id of wanted) this.#last.set(id, promise);
    await Promise.all(before);
    return () => {
      for (const id of wanted) if (this.#last.get(id) === promise) this.#last.delete(id);
      resolve();
    };
  }
}
