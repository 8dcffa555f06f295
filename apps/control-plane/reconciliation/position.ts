import { create } from '@bufbuild/protobuf';
import { type Kept, KeptSchema, type Position } from '../../proto/gen/quantix/v1/position_pb.js';
import { MalformedMessageError } from './error.ts';

/** A position as it is stored: see position.proto. */
export interface KeptPosition {
  readonly epoch: number;
  readonly sequence: number;
}

/** @throws MalformedMessageError if it is missing or too large */
export function readPosition(position: Position | undefined): KeptPosition {
  if (position === undefined) throw new MalformedMessageError('the message has no position');
  const { epoch, number } = position;
  const isCounted = (value: bigint) => value > 0n && value <= BigInt(Number.MAX_SAFE_INTEGER);
  if (!isCounted(epoch) || !isCounted(number)) {
    throw new MalformedMessageError(`${epoch}, ${number} is not a position`);
  }
  return { epoch: Number(epoch), sequence: Number(number) };
}

/** Whether a position is greater than the stored one, by epoch, then by number. */
export function isLater(position: KeptPosition, kept: KeptPosition | undefined): boolean {
  if (kept === undefined || position.epoch > kept.epoch) return true;
  return position.epoch === kept.epoch && position.sequence > kept.sequence;
}

/** Creates the message with the positions of the last state message and heartbeat; a missing position is unset. */
export function makeKeptMessage(
  state: KeptPosition | undefined,
  heartbeat: KeptPosition | undefined,
): Kept {
  return create(KeptSchema, {
    ...(state === undefined ? {} : { state: positionMessage(state) }),
    ...(heartbeat === undefined ? {} : { heartbeat: positionMessage(heartbeat) }),
  });
}

function positionMessage({ epoch, sequence }: KeptPosition) {
  return { epoch: BigInt(epoch), number: BigInt(sequence) };
}
