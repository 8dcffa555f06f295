import { create } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { getStack, messageOf } from '../../error.ts';
import { RefusalReason, RefusalSchema } from '../../proto/gen/quantix/v1/refusal_pb.js';
import { NotLeaderError } from '../coordination/election.ts';
import { RefusedChangeError } from '../database/refusal.ts';
import { ControlPlaneError } from '../error.ts';
import { MalformedMessageError, RefusedCallError } from '../reconciliation/error.ts';

/** Codes by reason, as in `refusal.proto`; all other reasons have `permission_denied`. */
const CODES: Readonly<Partial<Record<RefusalReason, Code>>> = {
  [RefusalReason.TOKEN_UNKNOWN]: Code.Unauthenticated,
  [RefusalReason.TOKEN_USED]: Code.Unauthenticated,
  [RefusalReason.TOKEN_EXPIRED]: Code.Unauthenticated,
  [RefusalReason.REQUEST_INVALID]: Code.InvalidArgument,
  [RefusalReason.VERSION_UNSUPPORTED]: Code.FailedPrecondition,
  [RefusalReason.TOO_MANY_CALLS]: Code.ResourceExhausted,
};

/** Why a call failed, for the log. */
export interface Failure {
  /** The answer to the node. */
  readonly answer: ConnectError;
  /** Failures of one caller with the same kind count as the same. */
  readonly kind: string;
  readonly message: string;
}

/** Converts an error into a failure of a call. Details of internal errors are not disclosed. */
export function explainFailure(error: unknown): Failure {
  if (error instanceof RefusedCallError) {
    const { reason, retryAfterSeconds, message } = error;
    const value = create(RefusalSchema, { reason, retryAfterSeconds });
    const detail = { desc: RefusalSchema, value };
    const code = CODES[reason] ?? Code.PermissionDenied;
    const answer = new ConnectError(message, code, undefined, [detail]);
    return { answer, kind: `refused ${reason}`, message };
  }
  if (error instanceof MalformedMessageError || error instanceof RefusedChangeError) {
    const { message } = error;
    return { answer: new ConnectError(message, Code.InvalidArgument), kind: 'malformed', message };
  }
  if (error instanceof ConnectError) {
    return { answer: error, kind: `code ${error.code}`, message: error.rawMessage };
  }
  const away = error instanceof NotLeaderError;
  const what = away ? 'this program does not lead' : 'the control plane cannot do this now';
  const message = error instanceof ControlPlaneError ? messageOf(error) : getStack(error);
  return { answer: new ConnectError(what, Code.Unavailable), kind: 'unavailable', message };
}
