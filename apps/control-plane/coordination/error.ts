import { Code, ConnectError } from '@connectrpc/connect';
import { getErrorCode } from '../../process/code-of.ts';
import { ControlPlaneError } from '../error.ts';

/** Why etcd did not carry out a request. */
export type EtcdFailure =
  /** No answer, or not in time; whether the request was carried out is not known. */
  | 'unreachable'
  /** etcd refuses. */
  | 'refused'
  /** The answer is invalid. */
  | 'invalid'
  /** Changes were requested from a revision that is compacted: read the present state again. */
  | 'forgotten';

/** Thrown if etcd did not carry out a request. */
export class EtcdError extends ControlPlaneError {
  readonly failure: EtcdFailure;

  constructor(failure: EtcdFailure, what: string, address: string, cause?: unknown) {
    super({ what, where: address, fix: FIXES[failure], cause });
    this.failure = failure;
  }
}

const FIXES: Readonly<Record<EtcdFailure, string | undefined>> = {
  unreachable: 'rc-service etcd status shows its state; its log says why.',
  refused: 'rc-service etcd restart; it holds nothing that must be kept.',
  invalid: 'Another program than etcd may listen there.',
  forgotten: undefined,
};

/** gRPC codes of calls that got no answer. */
const NO_ANSWER: ReadonlySet<Code> = new Set([
  Code.Unavailable,
  Code.DeadlineExceeded,
  Code.Canceled,
  Code.Aborted,
]);

/**
 * Turns a failed call into an error for the operator.
 * @throws the error itself if it does not come from a call, and is therefore a bug
 */
export function explainEtcdFailure(error: unknown, address: string): EtcdError {
  if (error instanceof EtcdError) return error;
  if (!(error instanceof ConnectError) && getErrorCode(error) === undefined) throw error;
  const failure = ConnectError.from(error);
  if (failure.code === Code.DeadlineExceeded) {
    return new EtcdError('unreachable', 'etcd gives no answer in time', address, error);
  }
  if (NO_ANSWER.has(failure.code) || !(error instanceof ConnectError)) {
    const what = `etcd cannot be reached: ${failure.rawMessage}`;
    return new EtcdError('unreachable', what, address, error);
  }
  // Codes of answers that are not gRPC, or incomplete.
  const isSense = ![Code.Unimplemented, Code.Internal, Code.InvalidArgument].includes(failure.code);
  const what = `etcd ${isSense ? 'refuses' : 'does not speak the expected protocol'}: ${failure.rawMessage}`;
  return new EtcdError(isSense ? 'refused' : 'invalid', what, address, error);
}
