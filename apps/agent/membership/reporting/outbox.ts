import type { Change } from './inventory.ts';

/** A change that waits to be delivered. */
export interface Letter {
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
  readonly #letters = new Map<string, Letter>();
  readonly #capacity: number;
  #overflowed = false;

  constructor(capacity: number = CAPACITY) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#letters.size;
  }

  /** True once more changed than fits: what was dropped is in the next full state. */
  get overflowed(): boolean {
    return this.#overflowed;
  }

  /** Adds a change at the end; its number must be greater than each before. */
  put(letter: Letter): void {
    if (this.#overflowed) return;
    const key = keyOf(letter.change);
    this.#letters.delete(key);
    this.#letters.set(key, letter);
    if (this.#letters.size <= this.#capacity) return;
    this.#letters.clear();
    this.#overflowed = true;
  }

  /** The change to deliver next; it stays until it is acknowledged. */
  first(): Letter | undefined {
    return this.#letters.values().next().value;
  }

  /** All that wait, in order. */
  letters(): Iterable<Letter> {
    return this.#letters.values();
  }

  /** Removes a change that was acknowledged; a newer one of the same object stays. */
  acknowledge({ number, change }: Letter): void {
    const key = keyOf(change);
    if (this.#letters.get(key)?.number === number) this.#letters.delete(key);
  }

  /** Forgets everything, because a full state tells it. */
  clear(): void {
    this.#letters.clear();
    this.#overflowed = false;
  }
}

function keyOf({ kind, id }: Change): string {
  return `${kind} ${id}`;
}
