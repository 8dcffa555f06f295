import { create } from '@bufbuild/protobuf';
import { type Position, PositionSchema } from '../../../proto/gen/quantix/v1/position_pb.js';
import { computeStateHash, type Inventory, listChanges, withChange } from './inventory.ts';
import { Outbox, type OutboxEntry } from './outbox.ts';

const NOTHING: Inventory = { vms: undefined, pools: undefined };

/** The state that the control plane acknowledged. */
export interface Acknowledged {
  readonly stateHash: { readonly vms: string; readonly pools: string; readonly form: number };
  readonly position: Position | undefined;
}

/**
 * The state that was reported to the control plane: what it acknowledged, the changes in the outbox, and whether a full
 * state has to be sent. Each observation is compared with this, so that nothing is lost if an event is missed.
 */
export class Reported {
  #epoch: bigint;
  readonly #outbox: Outbox;
  #number = 0n;
  /** Number of the last change that was sent. */
  #sent = 0n;
  #acknowledged: Inventory = NOTHING;
  #acknowledgedAt: Position | undefined;
  /** The acknowledged inventory, or that of the full state that is being sent. */
  #base: Inventory = NOTHING;
  #fullNeeded = true;

  constructor(epoch: bigint, outbox: Outbox = new Outbox()) {
    this.#epoch = epoch;
    this.#outbox = outbox;
  }

  /** Whether the next state message must be a full state. */
  get fullNeeded(): boolean {
    return this.#fullNeeded || this.#outbox.overflowed;
  }

  /** Returns the hashes and the position of the acknowledged state. @param form see `StateHash.form` */
  acknowledged(form: number): Acknowledged {
    return {
      stateHash: computeStateHash(this.#acknowledged, form),
      position: this.#acknowledgedAt,
    };
  }

  /** The greatest `Position.number` that was used. */
  get greatest(): bigint {
    return this.#number;
  }

  /** Begins another run, which must send a full state. */
  beginEpoch(epoch: bigint): void {
    this.#epoch = epoch;
    this.#number = 0n;
    this.#sent = 0n;
    this.#outbox.clear();
    this.#acknowledgedAt = undefined;
    this.#fullNeeded = true;
  }

  /** Returns the position of the next message. */
  nextPosition(): Position {
    this.#number += 1n;
    return this.#position(this.#number);
  }

  /** Returns the position of a change that is being sent, and whether it had been sent before. */
  send({ number }: OutboxEntry): { position: Position; again: boolean } {
    const again = number <= this.#sent;
    if (!again) this.#sent = number;
    return { position: this.#position(number), again };
  }

  /** Requires a full state. */
  requireFull(): void {
    this.#fullNeeded = true;
  }

  /** Adds the differences from the reported state to the outbox. @param now milliseconds since 1970 */
  observe(inventory: Inventory, now: number): void {
    let reported = this.#base;
    for (const { change } of this.#outbox.entries()) reported = withChange(reported, change);
    const changes = listChanges(reported, inventory);
    if (changes === undefined) {
      this.#fullNeeded = true;
      return;
    }
    for (const change of changes) {
      this.#number += 1n;
      this.#outbox.put({ number: this.#number, change, seenAt: now });
    }
  }

  /** Marks the beginning of a full state, which includes all waiting changes. */
  beginFull(inventory: Inventory): void {
    this.#outbox.clear();
    this.#base = inventory;
    this.#fullNeeded = true;
  }

  /** Marks the full state as acknowledged. */
  endFull(position: Position): void {
    this.#acknowledged = this.#base;
    this.#acknowledgedAt = position;
    this.#fullNeeded = false;
  }

  /** Returns the change to deliver next. */
  nextChange(): OutboxEntry | undefined {
    return this.#outbox.first();
  }

  /** Marks a change as acknowledged. */
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
