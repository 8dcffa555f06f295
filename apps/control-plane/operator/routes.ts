import type { IncomingMessage } from 'node:http';
import { create } from '@bufbuild/protobuf';
import {
  byRequestSchema,
  type FleetNode,
  nodeDeleteRequestSchema,
  nodeMaintenanceRequestSchema,
  tokenRequestSchema,
  type VmAction,
  vmActionRequestSchema,
} from '../../api/fleet.ts';
import { messageOf } from '../../error.ts';
import { readJson } from '../../http/body.ts';
import { ApiError } from '../../http/error.ts';
import { json, type Route } from '../../http/route.ts';
import {
  RebootVmSchema,
  SetMaintenanceSchema,
  ShutdownVmSchema,
  StartVmSchema,
  StopVmSchema,
} from '../../proto/gen/quantix/v1/task_pb.js';
import type { Database, Executor } from '../database/database.ts';
import { RefusedChangeError } from '../database/refusal.ts';
import { tellNews } from '../database/repositories/announcements.ts';
import { departNode } from '../database/repositories/departed-nodes.ts';
import {
  describeToken,
  readFleetNodes,
  readFleetPools,
  readFleetTasks,
  readFleetTokens,
  readFleetVms,
  withNodes,
} from '../database/repositories/fleet.ts';
import { createJoinToken, revokeJoinToken } from '../database/repositories/join-tokens.ts';
import { setNodePhase, wantFullState } from '../database/repositories/nodes.ts';
import {
  cancelTask,
  createTask,
  expireTasks,
  findTask,
  type TaskVerb,
} from '../database/repositories/tasks.ts';
import { find } from './find.ts';

/** Virtual machines in one answer. */
const MOST_VMS = 20_000;

/** Tasks in one answer: the newest. */
const MOST_TASKS = 200;

/** Milliseconds that a host has to be told of its maintenance: it may be off. */
const MAINTENANCE_LASTS = 24 * 60 * 60 * 1000;

/** What the operator's routes work with. */
export interface OperatorSources {
  readonly database: Database;
  /** SHA-256 of the control plane's CA, 64 hex digits. */
  readonly fingerprint: string;
  readonly now?: () => Date;
}

type Handler = Route['answer'];

/** `/v1/…`: what `qx-controlplane token|nodes|vms|pools|tasks` and the console ask; their bodies are in `apps/api/fleet.ts`. */
export function operatorRoutes(sources: OperatorSources): Route[] {
  return [...tokenRoutes(sources), ...nodeRoutes(sources), ...fleetRoutes(sources)].map(
    (route) => ({
      ...route,
      answer: explained(route.answer),
    }),
  );
}

/** Errors of the database as answers. */
export function explained(handler: Handler): Handler {
  return async (request, id) => {
    try {
      return await handler(request, id);
    } catch (error) {
      if (error instanceof ApiError) throw error;
      if (error instanceof RefusedChangeError) throw new ApiError(400, error.message);
      throw new ApiError(503, `the database does not do it: ${messageOf(error)}`, {
        fix: '/readyz tells how the database fares.',
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
      answer: async () => json({ tokens: await readFleetTokens(db, now()) }),
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
        return json({
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
        return json(token);
      },
    },
  ];
}

async function readNodeOf(db: Executor, id: string, now: Date): Promise<FleetNode> {
  const [node] = await readFleetNodes(db, { now, id });
  if (node === undefined) throw new ApiError(404, 'the node is gone by now');
  return node;
}

/** @throws ApiError 409 if a node has left: nothing that it is told reaches it */
function refuseLeft({ hostname, leftAt }: FleetNode): void {
  if (leftAt === null) return;
  throw new ApiError(409, `${hostname} has left, at ${leftAt}`, {
    fix: 'It comes back with a new join token.',
  });
}

function nodeRoutes({ database: { db }, now = () => new Date() }: OperatorSources): Route[] {
  const readNode = (id: string) => readNodeOf(db, id, now());
  return [
    {
      method: 'GET',
      path: '/v1/nodes',
      answer: async () => json({ nodes: await readFleetNodes(db, { now: now() }) }),
    },
    {
      method: 'GET',
      path: '/v1/nodes/:id',
      answer: async (_request, given) => json(await readNode(await find(db, 'node', given))),
    },
    {
      method: 'POST',
      path: '/v1/nodes/:id/resync',
      answer: async (request, given) => {
        const { by } = await readJson(request, byRequestSchema);
        const id = await find(db, 'node', given);
        refuseLeft(await readNode(id));
        await wantFullState(db, id, { by, now: now() });
        await tellNews(db, id);
        return json(await readNode(id));
      },
    },
    {
      method: 'POST',
      path: '/v1/nodes/:id/maintenance',
      answer: async (request, given) => {
        const { by, on, reason } = await readJson(request, nodeMaintenanceRequestSchema);
        const id = await find(db, 'node', given);
        const node = await readNode(id);
        refuseLeft(node);
        const { phase, hostname, isHeard } = node;
        // Whether it can be reached shows only after it: a node that is not heard of is DISCONNECTED again then.
        const after = isHeard ? 'READY' : 'DISCONNECTED';
        if (on) await setNodePhase(db, id, 'MAINTENANCE');
        else if (phase === 'MAINTENANCE') await setNodePhase(db, id, after);
        const value = create(SetMaintenanceSchema, { enabled: on, reason });
        const task = await createTask(db, {
          ...{ nodeId: id, requestedBy: by, objectName: hostname },
          verb: { case: 'setMaintenance', value },
          expiresAt: new Date(now().getTime() + MAINTENANCE_LASTS),
        });
        return json((await withNodes(db, [task]))[0]);
      },
    },
    {
      method: 'POST',
      path: '/v1/nodes/:id/delete',
      answer: async (request, given) => {
        const { by, reason } = await readJson(request, nodeDeleteRequestSchema);
        const id = await find(db, 'node', given);
        const node = await readNode(id);
        await departNode(db, { nodeId: id, how: 'DELETED', by, reason, now: now() });
        return json(node);
      },
    },
  ];
}

function fleetRoutes({ database: { db }, now = () => new Date() }: OperatorSources): Route[] {
  const nodeAsked = async (request: IncomingMessage): Promise<string | undefined> => {
    const given = /[?&]node=([^&]*)/.exec(request.url ?? '')?.[1];
    return given === undefined ? undefined : await find(db, 'node', given);
  };
  const readVm = async (given: string) => {
    const id = await find(db, 'vm', given);
    const [vm] = await readFleetVms(db, { now: now(), id, limit: 1 });
    if (vm === undefined) throw new ApiError(404, 'the virtual machine is gone by now');
    return vm;
  };
  const readTask = async (id: string) => {
    await expireTasks(db, now());
    const row = await findTask(db, id);
    const [task] = row === undefined ? [] : await withNodes(db, [row]);
    if (task === undefined) throw new ApiError(404, 'the task is gone with its node');
    return task;
  };
  return [
    {
      method: 'GET',
      path: '/v1/vms',
      answer: async (request) => {
        const choice = { now: now(), nodeId: await nodeAsked(request), limit: MOST_VMS + 1 };
        const vms = await readFleetVms(db, choice);
        return json({ vms: vms.slice(0, MOST_VMS), more: vms.length > MOST_VMS });
      },
    },
    {
      method: 'GET',
      path: '/v1/vms/:id',
      answer: async (_request, given) => json(await readVm(given)),
    },
    {
      method: 'POST',
      path: '/v1/vms/:id/tasks',
      answer: async (request, given) => {
        const { by, action, expiresInSeconds } = await readJson(request, vmActionRequestSchema);
        const { id, name, nodeId, known, lostReason } = await readVm(given);
        if (nodeId === null || known === 'lost') {
          const why = lostReason === null ? 'it is on no node' : `it is lost: ${lostReason}`;
          throw new ApiError(409, `${name} cannot be told anything: ${why}`);
        }
        refuseLeft(await readNodeOf(db, nodeId, now()));
        const task = await createTask(db, {
          ...{ nodeId, verb: verbOf(action, id), requestedBy: by, objectName: name },
          expiresAt: new Date(now().getTime() + expiresInSeconds * 1000),
        });
        return json((await withNodes(db, [task]))[0]);
      },
    },
    {
      method: 'GET',
      path: '/v1/pools',
      answer: async () => json({ pools: await readFleetPools(db, { now: now() }) }),
    },
    {
      method: 'GET',
      path: '/v1/pools/:id',
      answer: async (_request, given) => {
        const id = await find(db, 'pool', given);
        const [pool] = await readFleetPools(db, { now: now(), id });
        if (pool === undefined) throw new ApiError(404, 'the storage pool is gone by now');
        return json(pool);
      },
    },
    {
      method: 'GET',
      path: '/v1/tasks',
      answer: async (request) => {
        await expireTasks(db, now());
        const nodeId = await nodeAsked(request);
        return json({ tasks: await readFleetTasks(db, { nodeId, limit: MOST_TASKS }) });
      },
    },
    {
      method: 'GET',
      path: '/v1/tasks/:id',
      answer: async (_request, given) => json(await readTask(await find(db, 'task', given))),
    },
    {
      method: 'POST',
      path: '/v1/tasks/:id/cancel',
      answer: async (request, given) => {
        const { by } = await readJson(request, byRequestSchema);
        const id = await find(db, 'task', given);
        await cancelTask(db, id, { by, now: now() });
        return json(await readTask(id));
      },
    },
  ];
}

function verbOf(action: VmAction, vmId: string): TaskVerb {
  switch (action) {
    case 'start':
      return { case: 'startVm', value: create(StartVmSchema, { vmId }) };
    case 'shutdown':
      return { case: 'shutdownVm', value: create(ShutdownVmSchema, { vmId }) };
    case 'stop':
      return { case: 'stopVm', value: create(StopVmSchema, { vmId }) };
    case 'reboot':
      return { case: 'rebootVm', value: create(RebootVmSchema, { vmId }) };
  }
}
