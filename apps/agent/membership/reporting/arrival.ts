import type { Kept, Position } from '../../../proto/gen/quantix/v1/position_pb.js';

/** What an answer says of its message. */
export interface Answer {
  readonly applied: boolean;
  /** Unset by a control plane that is older than this field: what it answers it has applied. */
  readonly kept?: Kept | undefined;
}

/** What became of a message: it arrived, it changed nothing, or the node is behind what the control plane has heard. */
export type Arrival = 'arrived' | 'unchanged' | 'behind';

export interface Sent {
  readonly position: Position;
  /** Whether it had been sent before, and its answer was lost. */
  readonly again: boolean;
  /** The greatest number that this run has given out. */
  readonly greatest: bigint;
}

/** Judges by the rules of `position.proto` what became of a state message. */
export function arrivalOf({ position, again, greatest }: Sent, { applied, kept }: Answer): Arrival {
  if (kept === undefined) return 'arrived';
  const isAhead = (other: Position | undefined) =>
    other !== undefined &&
    (other.epoch > position.epoch || (other.epoch === position.epoch && other.number > greatest));
  if (isAhead(kept.state) || isAhead(kept.heartbeat)) return 'behind';
  if (applied) return 'arrived';
  const { state } = kept;
  const isKept = state?.epoch === position.epoch && state.number === position.number;
  return again && isKept ? 'arrived' : 'unchanged';
}

/** The greatest epoch of which the control plane has heard. */
export function keptEpoch(kept: Kept | undefined): bigint {
  const epochs = [kept?.state?.epoch ?? 0n, kept?.heartbeat?.epoch ?? 0n];
  return epochs.reduce((greatest, one) => (one > greatest ? one : greatest));
}
