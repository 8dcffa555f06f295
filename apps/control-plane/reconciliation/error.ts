import { RefusalReason } from '../../proto/gen/quantix/v1/refusal_pb.js';
import { ControlPlaneError } from '../error.ts';

/** Thrown to refuse a node's call: the answer has the error detail `Refusal` of refusal.proto. */
export class RefusedCallError extends ControlPlaneError {
  readonly reason: RefusalReason;
  /** Seconds after which a retry makes sense; 0: the node decides. */
  readonly retryAfterSeconds: number;

  constructor(reason: RefusalReason, what: string, retryAfterSeconds = 0) {
    super({ what, where: RefusalReason[reason] });
    this.reason = reason;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** Thrown for a message that does not follow node_service.proto. It changed nothing, and would be refused again. */
export class MalformedMessageError extends ControlPlaneError {
  constructor(what: string) {
    super({ what });
  }
}
