/**
 * Locks on virtual machines: only one transaction at a time may determine the node of a virtual machine. Otherwise, the
 * reports of two hosts about a migration that arrive at the same moment would be processed without each other's claims.
 * Locks within this program are enough, since there is only one leader.
 */
export class ClaimLocks {
  readonly #last = new Map<string, Promise<void>>();

  /** Returns the locks of a new transaction: none yet. */
  begin(): TransactionLocks {
    return new TransactionLocks((ids) => this.#acquire(ids));
  }

  /** Waits until no other transaction holds any of these ids. @returns a function that releases them */
  async #acquire(ids: ReadonlySet<string>): Promise<() => void> {
    // All ids are requested in one step, so that two transactions cannot deadlock.
    const before = [...ids].map((id) => this.#last.get(id));
    const { promise, resolve } = Promise.withResolvers<void>();
    for (const id of ids) this.#last.set(id, promise);
    await Promise.all(before);
    return () => {
      for (const id of ids) if (this.#last.get(id) === promise) this.#last.delete(id);
      resolve();
    };
  }
}

/** The locks of one transaction. Dispose of them after the transaction has ended, which releases them. */
export class TransactionLocks implements Disposable {
  readonly #acquire: (ids: ReadonlySet<string>) => Promise<() => void>;
  readonly #held = new Set<string>();
  readonly #releases: (() => void)[] = [];

  constructor(acquire: (ids: ReadonlySet<string>) => Promise<() => void>) {
    this.#acquire = acquire;
  }

  /** Waits until no other transaction holds any of these ids; the transaction's own ones need no wait. */
  async lock(ids: Iterable<string>): Promise<void> {
    const more = new Set(ids).difference(this.#held);
    for (const id of more) this.#held.add(id);
    this.#releases.push(await this.#acquire(more));
  }

  [Symbol.dispose](): void {
    for (const release of this.#releases) release();
  }
}
