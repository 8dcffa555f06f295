import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { ConnectRouter, HandlerContext, ServiceImpl } from '@connectrpc/connect';
import type { HostInfo } from '../../proto/gen/quantix/v1/host_pb.js';
import {
  NodeService,
  type RegisterRequest,
  type SyncFullStateRequest,
} from '../../proto/gen/quantix/v1/node_service_pb.js';
import type { Kept } from '../../proto/gen/quantix/v1/position_pb.js';
import { RefusalReason } from '../../proto/gen/quantix/v1/refusal_pb.js';
import type { Version } from '../../proto/gen/quantix/v1/version_pb.js';
import { processInBatches } from '../../watch/in-batches.ts';
import type { Database } from '../database/database.ts';
import { departNode } from '../database/repositories/departed-nodes.ts';
import { type JoinTokenVerdict, useJoinToken } from '../database/repositories/join-tokens.ts';
import { readWanted, registerNode } from '../database/repositories/nodes.ts';
import { recordTaskReport } from '../database/repositories/tasks.ts';
import { cleanText } from '../database/text.ts';
import { MalformedMessageError, RefusedCallError } from '../reconciliation/error.ts';
import { explainAbsence } from '../reconciliation/node-records.ts';
import type { NodeState } from '../reconciliation/node-state.ts';
import { makeHostSpec, readAddress } from '../reconciliation/reports.ts';
import type { Authority } from '../trust/authority.ts';
import {
  type CertificateRequest,
  RequestError,
  readCertificateRequest,
} from '../trust/certificate-request.ts';
import { Allowance, determineNetwork, type Rate } from './allowance.ts';
import { type Caller, callerKey } from './caller.ts';
import type { CommandStreams } from './command-streams.ts';
import type { EndpointList } from './endpoints.ts';
import { explainFailure } from './refusal.ts';
import type { ThrottledLog } from './throttled-log.ts';
import { expectCommonVersion, listVerbs } from './version.ts';

/** Milliseconds after its expiry for which a certificate can be renewed. */
const RENEWABLE_FOR = 365 * 86_400_000;

/**
 * Limit of failed registrations per network: attempts to guess a token cannot succeed, but must not cost much time.
 */
const FAILED_REGISTRATIONS: Rate = { burst: 20, every: 30_000 };

/** Limit of calls per node. A node whose guests change all the time makes some ten calls per second. */
const CALLS: Rate = { burst: 1000, every: 20 };

/** Maximum number of nodes whose standing is read with one statement. */
const BATCH = 200;

/** Format of a token's secret, as in `node_service.proto`. */
const SECRET = /^[A-Za-z0-9_-]{16,128}$/;

export interface NodeCalls {
  readonly database: Database;
  readonly authority: Authority;
  readonly trustBundleVersion: bigint;
  readonly state: NodeState;
  /** Reads the stored positions of a node. */
  readonly readKept: (nodeId: string) => Promise<Kept>;
  readonly streams: CommandStreams;
  readonly endpoints: EndpointList;
  /** Called with each heartbeat, and the address of this machine over which it came. */
  readonly onHeard: (nodeId: string, over: string) => void;
  readonly version: Version;
  readonly log: ThrottledLog;
  /** See `CALLS`. */
  readonly callRate?: Rate;
}

/** Registers the calls of nodes; see `node_service.proto`. */
export function registerNodeCalls(router: ConnectRouter, calls: NodeCalls): void {
  router.service(NodeService, nodeService(calls));
}

function nodeService(calls: NodeCalls): ServiceImpl<typeof NodeService> {
  const { database, authority, trustBundleVersion, state, streams, endpoints, version } = calls;
  const { db } = database;
  const failed = new Allowance(FAILED_REGISTRATIONS);
  const made = new Allowance(calls.callRate ?? CALLS);
  const readStanding = processInBatches((ids: readonly string[]) => readWanted(db, ids), {
    keyOf: (nodeId) => nodeId,
    most: BATCH,
  });

  /** Runs a call and reports a failure: with one line in the log, and with a code and a refusal to the caller. */
  const answer = async <T>(context: HandlerContext, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw report(context, error);
    }
  };
  const report = (context: HandlerContext, error: unknown) => {
    const { address, identity } = context.values.get(callerKey);
    const failure = explainFailure(error);
    const who = identity === undefined ? address : `node ${identity.nodeId} at ${address}`;
    if (!context.signal.aborted) {
      calls.log.warn(who, failure.kind, `${context.method.name}: ${failure.message}`);
    }
    return failure.answer;
  };
  const expectPatience = (allowance: Allowance, who: string) => {
    const wait = allowance.wait(who);
    if (wait === 0) return;
    const seconds = Math.ceil(wait / 1000);
    throw new RefusedCallError(RefusalReason.TOO_MANY_CALLS, 'called too often', seconds);
  };

  /** Identifies the caller by its certificate. @throws RefusedCallError if the certificate is not valid */
  const expectCertified = ({ values }: HandlerContext, expiredFor = 0): string => {
    const { identity } = values.get(callerKey);
    if (identity === undefined) {
      const what = 'a call without a certificate of this control plane';
      throw new RefusedCallError(RefusalReason.NODE_UNKNOWN, what);
    }
    const { nodeId, validity } = identity;
    expectPatience(made, nodeId);
    made.count(nodeId);
    if (Date.now() > validity.to + expiredFor) {
      const what = `a certificate that ended at ${new Date(validity.to).toISOString()}`;
      throw new RefusedCallError(RefusalReason.CERTIFICATE_EXPIRED, what);
    }
    return nodeId;
  };
  /**
   * Identifies the calling node, and reads its standing from the database. Calls that read the node's record anyway use
   * `expectCertified` instead.
   * @throws RefusedCallError if it is not, or no longer, a node
   */
  const expectNode = async (context: HandlerContext, expiredFor = 0): Promise<string> => {
    const nodeId = expectCertified(context, expiredFor);
    const { standing } = await readStanding(nodeId);
    if (standing !== 'member') throw await explainAbsence(db, nodeId);
    return nodeId;
  };
  const certify = async (request: CertificateRequest) => ({
    certificateChain: await authority.sign(request),
    caCertificates: authority.bundle,
    trustBundleVersion,
  });
  const register = async (request: RegisterRequest, { address }: Caller) => {
    expectCommonVersion(request.version);
    if (!SECRET.test(request.tokenSecret)) throw tokenRefusal('unknown');
    const certificateRequest = await readRequest(request.certificateRequest);
    const { nodeId } = certificateRequest;
    const hostname = hostnameOf(request.host);
    const { tokenSecret: secret, managementAddress } = request;
    const bearer = { secret, nodeId, hostname, address, now: new Date() };
    const verdict = await useJoinToken(db, bearer);
    if (verdict !== 'accepted') throw tokenRefusal(verdict);
    const managementIp = readAddress(managementAddress);
    const spec = request.host === undefined ? {} : makeHostSpec(request.host);
    await registerNode(db, { id: nodeId, hostname, managementIp, spec });
    return {
      nodeId,
      ...(await certify(certificateRequest)),
      version,
      endpoints: await endpoints.read(),
      kept: await calls.readKept(nodeId),
    };
  };

  return {
    register: (request, context) =>
      answer(context, async () => {
        const caller = context.values.get(callerKey);
        const network = determineNetwork(caller.address);
        expectPatience(failed, network);
        try {
          return await register(request, caller);
        } catch (error) {
          if (error instanceof RefusedCallError) failed.count(network);
          throw error;
        }
      }),
    renewCertificate: (request, context) =>
      answer(context, async () => {
        const nodeId = await expectNode(context, RENEWABLE_FOR);
        const certificateRequest = await readRequest(request.certificateRequest);
        if (certificateRequest.nodeId !== nodeId) {
          const what = 'a certificate request for another key than the node’s';
          throw new RefusedCallError(RefusalReason.REQUEST_INVALID, what);
        }
        return await certify(certificateRequest);
      }),
    getTrustBundle: (_request, context) =>
      answer(context, async () => {
        await expectNode(context);
        return { version: trustBundleVersion, caCertificates: authority.bundle };
      }),
    heartbeat: (request, context) =>
      answer(context, async () => {
        const nodeId = expectCertified(context);
        expectCommonVersion(request.version);
        const said = await state.heartbeat(nodeId, request);
        calls.onHeard(nodeId, context.values.get(callerKey).over);
        const list = await endpoints.read();
        const isKnown = list.version === request.endpointsVersion;
        const serverTime = timestampFromMs(Date.now());
        return {
          ...{ ...said, version, trustBundleVersion, serverTime },
          ...(isKnown ? {} : { endpoints: list }),
        };
      }),
    syncFullState: (parts, context) =>
      answer(context, async () => {
        const nodeId = await expectNode(context);
        const said = await state.syncFullState(nodeId, withCommonVersion(parts), context.signal);
        return { ...said, version, serverTime: timestampFromMs(Date.now()) };
      }),
    notifyVMChange: (request, context) =>
      answer(context, async () => state.notifyVmChange(expectCertified(context), request)),
    notifyStorageChange: (request, context) =>
      answer(context, async () => state.notifyStorageChange(expectCertified(context), request)),
    async *watch(request, context) {
      try {
        const nodeId = await expectNode(context);
        expectCommonVersion(request.version);
        const { signal } = context;
        yield* streams.open({ nodeId, verbs: listVerbs(request.version), signal });
      } catch (error) {
        throw report(context, error);
      }
    },
    reportTask: ({ report }, context) =>
      answer(context, async () => {
        const nodeId = await expectNode(context);
        if (report === undefined) throw new MalformedMessageError('a report without content');
        const { isKnown } = await recordTaskReport(db, nodeId, report, new Date());
        return { known: isKnown };
      }),
    leave: ({ reason }, context) =>
      answer(context, async () => {
        const nodeId = await expectNode(context);
        const departure = { nodeId, how: 'LEFT', by: `node ${nodeId}`, now: new Date() } as const;
        await departNode(db, { ...departure, reason: cleanText(reason, 1000) });
        return {};
      }),
  };
}

async function readRequest(der: Uint8Array): Promise<CertificateRequest> {
  try {
    return await readCertificateRequest(der);
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    throw new RefusedCallError(RefusalReason.REQUEST_INVALID, error.message);
  }
}

function tokenRefusal(verdict: Exclude<JoinTokenVerdict, 'accepted'>): RefusedCallError {
  const [reason, what] = (
    {
      unknown: [RefusalReason.TOKEN_UNKNOWN, 'a join token that is not known'],
      used: [RefusalReason.TOKEN_USED, 'a join token that is used up'],
      expired: [RefusalReason.TOKEN_EXPIRED, 'a join token that has expired'],
    } as const
  )[verdict];
  return new RefusedCallError(reason, what);
}

/** Passes parts on; checks the host's version in the first part. */
async function* withCommonVersion(parts: AsyncIterable<SyncFullStateRequest>) {
  for await (const part of parts) {
    if (part.part === 1) expectCommonVersion(part.version);
    yield part;
  }
}

/** Returns a host's name in a form that the database accepts. @throws RefusedCallError if it is empty */
function hostnameOf(host: HostInfo | undefined): string {
  const name = cleanText(host?.hostname ?? '', 255);
  if (name !== '') return name;
  throw new RefusedCallError(RefusalReason.REQUEST_INVALID, 'a host without a name');
}
