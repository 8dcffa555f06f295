import { create } from '@bufbuild/protobuf';
import { type Position, PositionSchema } from '../../../proto/gen/quantix/v1/position_pb.js';
import { changesBetween, type Inventory, stateHash, withChange } from './inventory.ts';
import { Outbox, type OutboxEntry } from './outbox.ts';

const NOTHING: Inventory = { vms: undefined, pools: undefined };

/** What the control plane acknowledged. */
export interface Acknowledged {
  readonly stateHash: { readonly vms: string; readonly pools: string; readonly form: number };
  readonly position: Position | undefined;
}

/**
 * What the control plane has been told: what it acknowledged, what waits in the outbox, and whether a full state has to
 * be sent. Whatever is observed is compared with this, so nothing is lost by an event that was missed.
 */
export class Reported {
  #epoch: bigint;
  readonly #outbox: Outbox;
  #number = 0n;
  /** Of the last change that was sent. */
  #sent = 0n;
  #acknowledged: Inventory = NOTHING;
  #acknowledgedAt: Position | undefined;
  /** Acknowledged, or in the full state that is under way. */
  #base: Inventory = NOTHING;
  #fullNeeded = true;

  constructor(epoch: bigint, outbox: Outbox = new Outbox()) {
    this.#epoch = epoch;
    this.#outbox = outbox;
  }

  /** Whether the next state message has to be a full state. */
  get fullNeeded(): boolean {
    return this.#fullNeeded || this.#outbox.overflowed;
  }

  /** Hashes of what was acknowledged, and up to which position. @param form see `StateHash.form` */
  acknowledged(form: number): Acknowledged {
    return { stateHash: stateHash(this.#acknowledged, form), position: this.#acknowledgedAt };
  }

  /** The greatest number that was given out. */
  get greatest(): bigint {
    return this.#number;
  }

  /** Begins another run: the control plane has to be told everything. */
  beginEpoch(epoch: bigint): void {
    this.#epoch = epoch;
    this.#number = 0n;
    this.#sent = 0n;
    this.#outbox.clear();
    this.#acknowledgedAt = undefined;
    this.#fullNeeded = true;
  }

  /** A position for the next message. */
  nextPosition(): Position {
    this.#number += 1n;
    return this.#position(this.#number);
  }

  /** The position of a change that goes out, and whether it did before. */
  send({ number }: OutboxEntry): { position: Position; again: boolean } {
    const again = number <= this.#sent;
    if (!again) this.#sent = number;
    return { position: this.#position(number), again };
  }

  /** The control plane has to be told everything. */
  requireFull(): void {
    this.#fullNeeded = true;
  }

  /** Puts into the outbox what differs from what was told. @param now milliseconds since 1970 */
  observe(inventory: Inventory, now: number): void {
    let told = this.#base;
    for (const { change } of this.#outbox.entries()) told = withChange(told, change);
    const changes = changesBetween(told, inventory);
    if (changes === undefined) {
      this.#fullNeeded = true;
      return;
    }
    for (const change of changes) {
      this.#number += 1n;
      this.#outbox.put({ number: this.#number, change, seenAt: now });
    }
  }

  /** A full state goes out: what waited is in it. */
  beginFull(inventory: Inventory): void {
    this.#outbox.clear();
    this.#base = inventory;
    this.#fullNeeded = true;
  }

  /** The full state was acknowledged. */
  endFull(position: Position): void {
    this.#acknowledged = this.#base;
    this.#acknowledgedAt = position;
    this.#fullNeeded = false;
  }

  /** The change to deliver next. */
  nextChange(): OutboxEntry | undefined {
    return this.#outbox.first();
  }

  /** A change was acknowledged. */
  acknowledge(entry: OutboxEntry): void {
    this.#outbox.acknowledge(entry);
    this.#base = withChange(this.#base, entry.change);
    this.#acknowledged = withChange(this.#acknowledged, entry.change);
    this.#acknowledgedAt = this.#position(entry.number);
  }

  #position(number: bigint): Position {
    return create(PositionSchema, { epoch: this.#epoch, number });
  }
}
