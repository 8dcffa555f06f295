import type { Change } from './inventory.ts';

/** A change that is to be delivered. */
export interface OutboxEntry {
  /** `Position.number`; unchanged when it is sent again. */
  readonly number: bigint;
  readonly change: Change;
  /** When it was observed, in milliseconds since 1970. */
  readonly seenAt: number;
}

/** Largest number of changes; more are replaced by a full state. */
const CAPACITY = 1000;

/**
 * Changes that the control plane has not acknowledged, ordered by number; at most one per object, because a newer
 * change of an object replaces an older one. It is not stored: each run of the agent begins with a full state.
 */
export class Outbox {
  readonly #entries = new Map<string, OutboxEntry>();
  readonly #capacity: number;
  #overflowed = false;

  constructor(capacity: number = CAPACITY) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** True after too many changes: the dropped ones are part of the next full state. */
  get overflowed(): boolean {
    return this.#overflowed;
  }

  /** Appends a change; its number must be greater than all previous ones. */
  put(entry: OutboxEntry): void {
    if (this.#overflowed) return;
    const key = keyOf(entry.change);
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    if (this.#entries.size <= this.#capacity) return;
    this.#entries.clear();
    this.#overflowed = true;
  }

  /** Returns the change to deliver next; it stays until it is acknowledged. */
  first(): OutboxEntry | undefined {
    return this.#entries.values().next().value;
  }

  /** Returns all changes, in order. */
  entries(): Iterable<OutboxEntry> {
    return this.#entries.values();
  }

  /** Removes an acknowledged change; a newer one of the same object stays. */
  acknowledge({ number, change }: OutboxEntry): void {
    const key = keyOf(change);
    if (this.#entries.get(key)?.number === number) this.#entries.delete(key);
  }

  /** Removes all changes, because a full state replaces them. */
  clear(): void {
    this.#entries.clear();
    this.#overflowed = false;
  }
}

function keyOf({ kind, id }: Change): string {
  return `${kind} ${id}`;
}
