import { RefusalReason } from '../../proto/gen/quantix/v1/refusal_pb.js';
import { ControlPlaneError } from '../error.ts';

/** A node's call is refused: the answer is the error detail `Refusal` of refusal.proto. */
export class RefusedCallError extends ControlPlaneError {
  readonly reason: RefusalReason;
  /** Seconds after which it is worth asking again; 0: whatever the node thinks fit. */
  readonly retryAfterSeconds: number;

  constructor(reason: RefusalReason, what: string, retryAfterSeconds = 0) {
    super({ what, where: RefusalReason[reason] });
    this.reason = reason;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** A message is none that node_service.proto describes. It changed nothing, and the same message is never taken. */
export class MalformedMessageError extends ControlPlaneError {
  constructor(what: string) {
    super({ what });
  }
}
