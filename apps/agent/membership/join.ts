import type { Host } from '../../api/host.ts';
import type { HardwareIdentity } from '../../proto/gen/quantix/v1/host_pb.js';
import type { Endpoints } from '../../proto/gen/quantix/v1/node_service_pb.js';
import type { Kept } from '../../proto/gen/quantix/v1/position_pb.js';
import { AgentError } from '../configuration/error.ts';
import type { JoinToken } from '../configuration/join-token.ts';
import { openConnection } from './connection/connection.ts';
import { explainFailure } from './connection/failure.ts';
import { makeCertificateRequest } from './identity/certificate-request.ts';
import { type Credentials, checkValidity, makeCredentials } from './identity/credentials.ts';
import type { NodeKey } from './identity/key.ts';
import { fetchPinnedCa } from './identity/pin.ts';
import { makeHostInfo } from './reporting/host-message.ts';
import { makeVersionMessage } from './version.ts';

export interface Joining {
  /** `https://host:port`. */
  readonly origin: string;
  readonly token: JoinToken;
  readonly key: NodeKey;
  readonly host: Host;
  readonly hardware: HardwareIdentity;
  readonly managementAddress: string | null;
  readonly agentVersion: string;
  /** Milliseconds since 1970, by this host's clock. */
  readonly now: number;
  readonly signal: AbortSignal;
}

/** Result of joining. */
export interface Enrolment {
  readonly credentials: Credentials;
  /** What the control plane had received before from a node with this key. */
  readonly kept: Kept | undefined;
  /** Possible addresses of the control plane; `undefined` if it reported none. */
  readonly endpoints: Endpoints | undefined;
  /** Version of the authorities in `credentials`. */
  readonly trustBundleVersion: bigint;
}

/**
 * Joins a control plane: verifies that it is the one that the token names, sends the token, and gets a certificate.
 * Writes nothing.
 * @throws RefusedError if another try would not help; AgentError if it may
 */
export async function joinControlPlane(joining: Joining): Promise<Enrolment> {
  const { origin, token, now, signal } = joining;
  try {
    const { fingerprint } = token;
    const caCertificates = await fetchPinnedCa({ origin, fingerprint, now, signal });
    const enrolment = await register(joining, caCertificates);
    checkValidity(enrolment.credentials, now);
    return enrolment;
  } catch (error) {
    signal.throwIfAborted();
    throw explainFailure(error, origin);
  }
}

async function register(joining: Joining, caCertificates: string): Promise<Enrolment> {
  const { origin, token, key, host, signal } = joining;
  const connection = openConnection({ origin, caCertificates });
  try {
    const request = {
      tokenSecret: token.secret,
      certificateRequest: await makeCertificateRequest(key),
      host: makeHostInfo(host, joining.agentVersion, joining.hardware),
      version: makeVersionMessage(joining.agentVersion),
      managementAddress: joining.managementAddress ?? '',
    };
    const answer = await connection.client.register(request, { signal });
    if (answer.nodeId !== key.nodeId) {
      throw new AgentError({
        what: `the control plane uses the id ${answer.nodeId} for this node, and its key has the id ${key.nodeId}`,
        where: origin,
        fix: 'The versions of the control plane and this host may be incompatible.',
      });
    }
    const { certificateChain, caCertificates: cas, kept, endpoints, trustBundleVersion } = answer;
    return {
      endpoints,
      trustBundleVersion,
      credentials: makeCredentials({ key, certificateChain, caCertificates: cas, where: origin }),
      kept,
    };
  } finally {
    connection.drop();
  }
}
