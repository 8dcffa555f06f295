import { Code, ConnectError } from '@connectrpc/connect';
import { codeOf } from '../../process/code-of.ts';
import { ControlPlaneError } from '../error.ts';

/** Why etcd did not do what it was asked. */
export type EtcdFailure =
  /** It does not answer, or not in time; whether it did what it was asked is not known. */
  | 'unreachable'
  /** It says no. */
  | 'refused'
  /** Its answer makes no sense. */
  | 'invalid'
  /** It was asked for changes since a revision that it has forgotten: what is there now must be read anew. */
  | 'forgotten';

/** etcd did not do what it was asked. */
export class EtcdError extends ControlPlaneError {
  readonly failure: EtcdFailure;

  constructor(failure: EtcdFailure, what: string, address: string, cause?: unknown) {
    super({ what, where: address, fix: FIXES[failure], cause });
    this.failure = failure;
  }
}

const FIXES: Readonly<Record<EtcdFailure, string | undefined>> = {
  unreachable: 'rc-service etcd status tells how it fares; its log says why.',
  refused: 'rc-service etcd restart; it holds nothing that must be kept.',
  invalid: 'Something else than etcd may listen there.',
  forgotten: undefined,
};

/** Codes of gRPC with which a call ends that got no answer. */
const NO_ANSWER: ReadonlySet<Code> = new Set([
  Code.Unavailable,
  Code.DeadlineExceeded,
  Code.Canceled,
  Code.Aborted,
]);

/** What a failed call means to the operator. @throws the error itself if it is none of a call, but a bug */
export function explainEtcdFailure(error: unknown, address: string): EtcdError {
  if (error instanceof EtcdError) return error;
  if (!(error instanceof ConnectError) && codeOf(error) === undefined) throw error;
  const failure = ConnectError.from(error);
  if (failure.code === Code.DeadlineExceeded) {
    return new EtcdError('unreachable', 'etcd gives no answer in time', address, error);
  }
  if (NO_ANSWER.has(failure.code) || !(error instanceof ConnectError)) {
    const what = `etcd cannot be reached: ${failure.rawMessage}`;
    return new EtcdError('unreachable', what, address, error);
  }
  // How an answer ends that is no gRPC, or not whole.
  const isSense = ![Code.Unimplemented, Code.Internal, Code.InvalidArgument].includes(failure.code);
  const what = `etcd ${isSense ? 'refuses' : 'does not understand, or is not understood'}: ${failure.rawMessage}`;
  return new EtcdError(isSense ? 'refused' : 'invalid', what, address, error);
}
