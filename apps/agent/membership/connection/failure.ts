import { Code, ConnectError } from '@connectrpc/connect';
import type { Explanation } from '../../../error.ts';
import { getErrorCode } from '../../../process/code-of.ts';
import {
  type Refusal,
  RefusalReason,
  RefusalSchema,
} from '../../../proto/gen/quantix/v1/refusal_pb.js';
import {
  AgentError,
  RefusedError,
  TemporaryRefusalError,
  UnreachableError,
} from '../../configuration/error.ts';

/** Known reasons for a refusal → message and fix. */
const REFUSALS: Readonly<Partial<Record<RefusalReason, readonly [what: string, fix: string]>>> = {
  [RefusalReason.UNSPECIFIED]: ['the control plane refuses this node', 'Ask its administrator.'],
  [RefusalReason.TOKEN_UNKNOWN]: [
    'the control plane does not know the join token',
    'Make a new one.',
  ],
  [RefusalReason.TOKEN_USED]: [
    'the join token was used by another node',
    'Make one for each node.',
  ],
  [RefusalReason.TOKEN_EXPIRED]: ['the join token has expired', 'Make a new one.'],
  [RefusalReason.REQUEST_INVALID]: [
    'the control plane does not sign this certificate request',
    'Its version may be incompatible with this host’s.',
  ],
  [RefusalReason.NODE_UNKNOWN]: [
    'the control plane does not know this node',
    'Join again with a new token.',
  ],
  [RefusalReason.NODE_DELETED]: [
    'this node was deleted from the control plane',
    'To bring it back, join again with a new token.',
  ],
  [RefusalReason.CERTIFICATE_REVOKED]: [
    'the certificate of this node was revoked',
    'Join again with a new token.',
  ],
  [RefusalReason.VERSION_UNSUPPORTED]: [
    'this host and the control plane have no version of their protocol in common',
    'Update the older one.',
  ],
  [RefusalReason.DUPLICATE_KEY]: [
    'another host uses the key of this one: a disk was copied',
    'Remove /quantix/node on one of the two, and join with a new token.',
  ],
  [RefusalReason.CERTIFICATE_EXPIRED]: [
    'the certificate of this node expired too long ago to be renewed',
    'Join again with a new token.',
  ],
  [RefusalReason.ADOPTION_PENDING]: [
    'the control plane was restored from a backup that does not have this node',
    'Its administrator has to adopt it.',
  ],
  [RefusalReason.TOO_MANY_CALLS]: ['this host calls the control plane too often', 'Wait.'],
};

/** Error codes of Node.js and OpenSSL → their meaning for the operator. */
const MEANINGS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'the connection was cut',
  EHOSTUNREACH: 'there is no route to it',
  ENETUNREACH: 'there is no route to it',
  ENOTFOUND: 'its name is not known',
  EAI_AGAIN: 'no name server answers',
  ETIMEDOUT: 'no answer came',
  CERT_HAS_EXPIRED: 'its certificate has expired, or this host’s clock is ahead',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet, or this host’s clock is behind',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is of another control plane',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is not signed by the CA that this node trusts',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is not signed by the CA that this node trusts',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is not signed by the CA that this node trusts',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    'its certificate is not signed by the CA that this node trusts',
  CERT_SIGNATURE_FAILURE: 'its certificate is not signed by the CA that this node trusts',
  INVALID_PURPOSE: 'its certificate is not that of a server',
};

/**
 * Explains a failed call to the operator.
 * @returns a RefusedError only if the control plane itself refused; otherwise an AgentError after which another try is
 *   reasonable
 * @throws the error itself if it is a bug and not an error of the connection
 */
export function explainFailure(error: unknown, origin: string): AgentError {
  if (error instanceof AgentError) return error;
  if (!(error instanceof ConnectError) && getErrorCode(error) === undefined) throw error;
  const failure = ConnectError.from(error);
  const [refusal] = failure.findDetails(RefusalSchema);
  if (refusal !== undefined) {
    return explainRefusal(refusal, { where: origin, cause: error });
  }
  return new UnreachableError({
    what: `the control plane cannot be reached: ${meaning(failure)}`,
    where: origin,
    cause: error,
  });
}

function explainRefusal(
  { reason, retryAfterSeconds }: Refusal,
  rest: Pick<Explanation, 'where' | 'cause'>,
): AgentError {
  const retryAfter = retryAfterSeconds * 1000;
  const said = REFUSALS[reason];
  if (said === undefined) {
    const what = `the control plane refuses this node for a reason that is not known here (${reason})`;
    return new TemporaryRefusalError({ ...rest, what, retryAfter });
  }
  const [what, fix] = said;
  if (reason === RefusalReason.TOO_MANY_CALLS) {
    return new TemporaryRefusalError({ ...rest, what, fix, retryAfter });
  }
  return new RefusedError({
    ...rest,
    what,
    fix,
    retryAfter: retryAfter === 0 ? undefined : retryAfter,
  });
}

function meaning(failure: ConnectError): string {
  for (let one: unknown = failure; one instanceof Error; one = one.cause) {
    const known = MEANINGS[getErrorCode(one) ?? ''];
    if (known !== undefined) return known;
  }
  if (failure.code === Code.DeadlineExceeded) return 'no answer came in time';
  if (failure.code === Code.Unimplemented) return 'another program answers there';
  return failure.rawMessage;
}
