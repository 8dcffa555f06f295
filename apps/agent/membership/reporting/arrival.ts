import type { Kept, Position } from '../../../proto/gen/quantix/v1/position_pb.js';

/** The control plane's answer to a state message. */
export interface Answer {
  readonly applied: boolean;
  /** Unset if the control plane is older than this field; such a control plane has applied every message it answers. */
  readonly kept?: Kept | undefined;
}

/** Effect of a message: it arrived, it changed nothing, or the control plane has received newer ones. */
export type Arrival = 'arrived' | 'unchanged' | 'behind';

export interface Sent {
  readonly position: Position;
  /** Whether the message had been sent before, and the answer was lost. */
  readonly again: boolean;
  /** The greatest `Position.number` that this run has used. */
  readonly greatest: bigint;
}

/** Determines the effect of a state message by the rules of `position.proto`. */
export function determineArrival(
  { position, again, greatest }: Sent,
  { applied, kept }: Answer,
): Arrival {
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

/** Returns the greatest epoch that the control plane has received. */
export function findKeptEpoch(kept: Kept | undefined): bigint {
  const epochs = [kept?.state?.epoch ?? 0n, kept?.heartbeat?.epoch ?? 0n];
  return epochs.reduce((greatest, one) => (one > greatest ? one : greatest));
}
