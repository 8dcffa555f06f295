/**
 * One at a time may draw conclusions about a virtual machine: two hosts that tell of one migration at the same moment would
 * not see each other's claims. It is enough within this program, since no other one leads.
 */
export class ClaimLocks {
  readonly #last = new Map<string, Promise<void>>();

  /** Waits until nobody else works on any of these ids. @returns what lets go of them, after the transaction has ended */
  async acquire(ids: Iterable<string>): Promise<() => void> {
    // All are asked for at once, so that no two can wait for each other.
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
