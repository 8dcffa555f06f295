import type { IncomingMessage } from 'node:http';
import {
  byRequestSchema,
  nodeDeleteRequestSchema,
  nodeMaintenanceRequestSchema,
  tokenRequestSchema,
  vmActionRequestSchema,
} from '../../api/fleet.ts';
import { messageOf } from '../../error.ts';
import { readJson } from '../../http/body.ts';
import { ApiError } from '../../http/error.ts';
import { makeJsonAnswer, type Route } from '../../http/route.ts';
import { isUuid } from '../../libvirt/uuid.ts';
import type { Database } from '../database/database.ts';
import { isUnavailable, RefusedChangeError } from '../database/refusal.ts';
import { departNode } from '../database/repositories/departed-nodes.ts';
import {
  describeToken,
  readFleetNodes,
  readFleetPools,
  readFleetTasks,
  readFleetTokens,
  readFleetVms,
} from '../database/repositories/fleet.ts';
import { createJoinToken, revokeJoinToken } from '../database/repositories/join-tokens.ts';
import { adoptNode } from '../database/repositories/nodes.ts';
import { cancelTask, expireTasks } from '../database/repositories/tasks.ts';
import { actOnVm, readNode, readTask, readVm, resyncNode, setMaintenance } from './acts.ts';
import { find } from './find.ts';

/** Maximum number of virtual machines in one answer. */
const MOST_VMS = 20_000;

/** Number of newest tasks in one answer. */
const MOST_TASKS = 200;

/** What the operator's routes use. */
export interface OperatorSources {
  readonly database: Database;
  /** SHA-256 of the control plane's CA, 64 hex digits. */
  readonly fingerprint: string;
  readonly now?: () => Date;
}

type Handler = Route['answer'];

/**
 * Creates the routes `/v1/…` for `qx-controlplane token|nodes|vms|pools|tasks` and the console; their bodies are in
 * `apps/api/fleet.ts`.
 */
export function createOperatorRoutes(sources: OperatorSources): Route[] {
  return [...tokenRoutes(sources), ...nodeRoutes(sources), ...fleetRoutes(sources)].map(
    (route) => ({
      ...route,
      answer: explainErrors(route.answer),
    }),
  );
}

/** Wraps a handler: turns errors of the database into answers. */
export function explainErrors(handler: Handler): Handler {
  return async (request, id) => {
    try {
      return await handler(request, id);
    } catch (error) {
      if (error instanceof ApiError) throw error;
      if (error instanceof RefusedChangeError) throw new ApiError(400, error.message);
      if (isUnavailable(error)) {
        throw new ApiError(503, 'the database does not answer', {
          fix: 'Try again in a moment; qx-controlplane doctor shows its state.',
        });
      }
      throw new ApiError(503, `the database refuses it: ${messageOf(error)}`, {
        fix: '/readyz shows the state of the database.',
      });
    }
  };
}

function tokenRoutes({
  database: { db },
  fingerprint,
  now = () => new Date(),
}: OperatorSources): Route[] {
  return [
    {
      method: 'GET',
      path: '/v1/join-tokens',
      answer: async () => makeJsonAnswer({ tokens: await readFleetTokens(db, now()) }),
    },
    {
      method: 'POST',
      path: '/v1/join-tokens',
      answer: async (request) => {
        const { by, description, uses, expiresInSeconds } = await readJson(
          request,
          tokenRequestSchema,
        );
        const { secret, token } = await createJoinToken(db, {
          ...{ description, createdBy: by, maxUses: uses },
          expiresAt: new Date(now().getTime() + expiresInSeconds * 1000),
        });
        return makeJsonAnswer({
          ...describeToken({ ...token, uses: [] }, now()),
          joinToken: `qxj1.${secret}.${fingerprint}`,
          fingerprint,
        });
      },
    },
    {
      method: 'POST',
      path: '/v1/join-tokens/:id/revoke',
      answer: async (request, given) => {
        const { by } = await readJson(request, byRequestSchema);
        const id = await find(db, 'token', given);
        await revokeJoinToken(db, id, { by, now: now() });
        const token = (await readFleetTokens(db, now())).find((one) => one.id === id);
        return makeJsonAnswer(token);
      },
    },
  ];
}

function nodeRoutes({ database: { db }, now = () => new Date() }: OperatorSources): Route[] {
  return [
    {
      method: 'GET',
      path: '/v1/nodes',
      answer: async () => makeJsonAnswer({ nodes: await readFleetNodes(db, { now: now() }) }),
    },
    {
      method: 'GET',
      path: '/v1/nodes/:id',
      answer: async (_request, given) =>
        makeJsonAnswer(await readNode(db, await find(db, 'node', given), now())),
    },
    {
      method: 'POST',
      path: '/v1/nodes/:id/resync',
      answer: async (request, given) => {
        const { by } = await readJson(request, byRequestSchema);
        const id = await find(db, 'node', given);
        return makeJsonAnswer(await resyncNode(db, id, { by, now: now() }));
      },
    },
    {
      method: 'POST',
      path: '/v1/nodes/:id/maintenance',
      answer: async (request, given) => {
        const asked = await readJson(request, nodeMaintenanceRequestSchema);
        const id = await find(db, 'node', given);
        return makeJsonAnswer(await setMaintenance(db, id, { ...asked, now: now() }));
      },
    },
    {
      method: 'POST',
      path: '/v1/nodes/:id/adopt',
      answer: async (request, given) => {
        const { by } = await readJson(request, byRequestSchema);
        const id = given.toLowerCase();
        if (!isUuid(id)) throw new ApiError(400, 'this is not the whole id of a node');
        const standing = await adoptNode(db, id, { by });
        if (standing === 'member') throw new ApiError(409, 'it is a node already');
        if (standing === 'departed') {
          throw new ApiError(409, 'it was deleted or has left', {
            fix: 'It comes back with a new join token.',
          });
        }
        return makeJsonAnswer(await readNode(db, id, now()));
      },
    },
    {
      method: 'POST',
      path: '/v1/nodes/:id/delete',
      answer: async (request, given) => {
        const { by, reason } = await readJson(request, nodeDeleteRequestSchema);
        const id = await find(db, 'node', given);
        const node = await readNode(db, id, now());
        await departNode(db, { nodeId: id, how: 'DELETED', by, reason, now: now() });
        return makeJsonAnswer(node);
      },
    },
  ];
}

function fleetRoutes({ database: { db }, now = () => new Date() }: OperatorSources): Route[] {
  const nodeAsked = async (request: IncomingMessage): Promise<string | undefined> => {
    const given = /[?&]node=([^&]*)/.exec(request.url ?? '')?.[1];
    return given === undefined ? undefined : await find(db, 'node', given);
  };
  return [
    {
      method: 'GET',
      path: '/v1/vms',
      answer: async (request) => {
        const choice = { now: now(), nodeId: await nodeAsked(request), limit: MOST_VMS + 1 };
        const vms = await readFleetVms(db, choice);
        return makeJsonAnswer({ vms: vms.slice(0, MOST_VMS), more: vms.length > MOST_VMS });
      },
    },
    {
      method: 'GET',
      path: '/v1/vms/:id',
      answer: async (_request, given) =>
        makeJsonAnswer(await readVm(db, await find(db, 'vm', given), now())),
    },
    {
      method: 'POST',
      path: '/v1/vms/:id/tasks',
      answer: async (request, given) => {
        const asked = await readJson(request, vmActionRequestSchema);
        const id = await find(db, 'vm', given);
        return makeJsonAnswer(await actOnVm(db, id, { ...asked, now: now() }));
      },
    },
    {
      method: 'GET',
      path: '/v1/pools',
      answer: async () => makeJsonAnswer({ pools: await readFleetPools(db, { now: now() }) }),
    },
    {
      method: 'GET',
      path: '/v1/pools/:id',
      answer: async (_request, given) => {
        const id = await find(db, 'pool', given);
        const [pool] = await readFleetPools(db, { now: now(), id });
        if (pool === undefined) throw new ApiError(404, 'the storage pool no longer exists');
        return makeJsonAnswer(pool);
      },
    },
    {
      method: 'GET',
      path: '/v1/tasks',
      answer: async (request) => {
        await expireTasks(db, now());
        const nodeId = await nodeAsked(request);
        return makeJsonAnswer({ tasks: await readFleetTasks(db, { nodeId, limit: MOST_TASKS }) });
      },
    },
    {
      method: 'GET',
      path: '/v1/tasks/:id',
      answer: async (_request, given) =>
        makeJsonAnswer(await readTask(db, await find(db, 'task', given), now())),
    },
    {
      method: 'POST',
      path: '/v1/tasks/:id/cancel',
      answer: async (request, given) => {
        const { by } = await readJson(request, byRequestSchema);
        const id = await find(db, 'task', given);
        await cancelTask(db, id, { by, now: now() });
        return makeJsonAnswer(await readTask(db, id, now()));
      },
    },
  ];
}
