import type { Change } from './inventory.ts';

/** A change that waits to be delivered. */
export interface OutboxEntry {
  /** `Position.number`; kept when it is sent again. */
  readonly number: bigint;
  readonly change: Change;
  /** When it was seen, milliseconds since 1970. */
  readonly seenAt: number;
}

/** Most changes that wait; more than that are told by a full state. */
const CAPACITY = 1000;

/**
 * Changes that the control plane has not acknowledged, in the order of their numbers; one per object, since a newer
 * change of an object takes the place of an older one. It need not outlive the agent: each run begins with a full state.
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

  /** True once more changed than fits: what was dropped is in the next full state. */
  get overflowed(): boolean {
    return this.#overflowed;
  }

  /** Adds a change at the end; its number must be greater than each before. */
  put(entry: OutboxEntry): void {
    if (this.#overflowed) return;
    const key = keyOf(entry.change);
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    if (this.#entries.size <= this.#capacity) return;
    this.#entries.clear();
    this.#overflowed = true;
  }

  /** The change to deliver next; it stays until it is acknowledged. */
  first(): OutboxEntry | undefined {
    return this.#entries.values().next().value;
  }

  /** All that wait, in order. */
  entries(): Iterable<OutboxEntry> {
    return this.#entries.values();
  }

  /** Removes a change that was acknowledged; a newer one of the same object stays. */
  acknowledge({ number, change }: OutboxEntry): void {
    const key = keyOf(change);
    if (this.#entries.get(key)?.number === number) this.#entries.delete(key);
  }

  /** Forgets everything, because a full state tells it. */
  clear(): void {
    this.#entries.clear();
    this.#overflowed = false;
  }
}

function keyOf({ kind, id }: Change): string {
  return `${kind} ${id}`;
}
