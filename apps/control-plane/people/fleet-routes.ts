import * as z from 'zod';
import {
  fleetNodeSchema,
  fleetPoolSchema,
  fleetTaskSchema,
  fleetTokenSchema,
  fleetVmSchema,
  LONGEST_TOKEN_LIFE,
  newTokenSchema,
  VM_ACTIONS,
} from '../../api/fleet.ts';
import { ApiError } from '../../http/error.ts';
import type { Database } from '../database/database.ts';
import { departNode } from '../database/repositories/departed-nodes.ts';
import {
  describeToken,
  listFleetTasks,
  listFleetVms,
  readFleetNodes,
  readFleetPools,
  readFleetTokens,
  VM_ORDERS,
} from '../database/repositories/fleet.ts';
import { createJoinToken, revokeJoinToken } from '../database/repositories/join-tokens.ts';
import { cancelTask, expireTasks } from '../database/repositories/tasks.ts';
import { VALUE_SETS } from '../database/values.ts';
import {
  actOnVm,
  readNode,
  readTask,
  readVm,
  resyncNode,
  setMaintenance,
} from '../operator/acts.ts';
import { createPage, createPageSchema, pageQuery, parsePage } from './page.ts';
import { createRoute, createTextSchema, givenId, idParams, type Route } from './route.ts';

/** Seconds within which a task must end: by default, and at most. */
const TASK_SECONDS = { usual: 120, most: 24 * 60 * 60 };

export interface FleetSources {
  readonly db: Database['db'];
  /** SHA-256 of the control plane's CA, 64 hex digits. */
  readonly fingerprint: string;
  readonly now: () => Date;
}

/** Creates the routes of nodes and what is on them, tasks, and join tokens. */
export function createFleetRoutes(sources: FleetSources): Route[] {
  return [
    ...nodeRoutes(sources),
    ...vmRoutes(sources),
    ...poolRoutes(sources),
    ...taskRoutes(sources),
    ...tokenRoutes(sources),
  ];
}

function nodeRoutes({ db, now }: FleetSources): Route[] {
  return [
    createRoute('node:read', {
      ...{ method: 'GET', path: '/v1/nodes', status: 200 },
      summary: 'Nodes by host name',
      query: z.strictObject({
        ...pageQuery,
        phase: z.enum(VALUE_SETS.nodes_phase).optional(),
        name: createTextSchema(1, 255).optional(),
      }),
      answer: createPageSchema(fleetNodeSchema),
      handle: async ({ query: { phase, name, ...asked } }) => {
        const choice = parsePage(asked);
        const nodes = await readFleetNodes(db, {
          ...{ now: now(), phase, name, after: choice.after, limit: choice.limit + 1 },
        });
        const positionOf = ({ hostname: key, id }: { hostname: string; id: string }) => ({
          key,
          id,
        });
        return { body: createPage(nodes, choice, { show: (node) => node, positionOf }) };
      },
    }),
    createRoute('node:read', {
      ...{ method: 'GET', path: '/v1/nodes/{id}', status: 200 },
      summary: 'A node',
      params: idParams,
      answer: fleetNodeSchema,
      handle: async ({ params: { id } }) => ({ body: await readNode(db, id, now()) }),
    }),
    createRoute('node:update', {
      ...{ method: 'POST', path: '/v1/nodes/{id}/resync', status: 202 },
      summary: 'Have a node send its full state',
      params: idParams,
      answer: fleetNodeSchema,
      handle: async ({ params: { id }, caller: { username: by } }) => ({
        body: await resyncNode(db, id, { by, now: now() }),
      }),
    }),
    createRoute('node:drain', {
      ...{ method: 'POST', path: '/v1/nodes/{id}/maintenance', status: 202 },
      summary: 'Begin or end a node’s maintenance, by a task',
      params: idParams,
      body: z.strictObject({ on: z.boolean(), reason: createTextSchema(0, 255).default('') }),
      answer: fleetTaskSchema,
      handle: async ({ params: { id }, body, caller: { username: by } }) => ({
        body: await setMaintenance(db, id, { ...body, by, now: now() }),
      }),
    }),
    createRoute('node:delete', {
      ...{ method: 'DELETE', path: '/v1/nodes/{id}', status: 204 },
      summary: 'Delete a node, and refuse it until it joins again',
      params: idParams,
      query: z.strictObject({ reason: createTextSchema(0, 255).default('') }),
      handle: async ({ params: { id }, query: { reason }, caller: { username: by } }) => {
        await readNode(db, id, now());
        await departNode(db, { nodeId: id, how: 'DELETED', by, reason, now: now() });
        return {};
      },
    }),
  ];
}

function vmRoutes({ db, now }: FleetSources): Route[] {
  return [
    createRoute('vm:read', {
      ...{ method: 'GET', path: '/v1/vms', status: 200 },
      summary: 'Virtual machines',
      query: z.strictObject({
        ...pageQuery,
        nodeId: givenId.optional(),
        powerState: z.enum(VALUE_SETS.virtual_machines_power_state).optional(),
        /** Prefix of their names. */
        name: createTextSchema(1, 255).optional(),
        sort: z.enum(VM_ORDERS).default('name'),
        order: z.enum(['asc', 'desc']).default('asc'),
      }),
      answer: createPageSchema(fleetVmSchema),
      handle: async ({ query: { nodeId, powerState, name, sort, order, ...asked } }) => {
        const choice = parsePage(asked);
        const { after, limit } = choice;
        const vms = await listFleetVms(db, {
          ...{ now: now(), nodeId, powerState, name, limit: limit + 1 },
          order: { by: sort, descending: order === 'desc', after },
        });
        const show = ({ key: _key, ...vm }: (typeof vms)[number]) => vm;
        return { body: createPage(vms, choice, { show, positionOf: (vm) => vm }) };
      },
    }),
    createRoute('vm:read', {
      ...{ method: 'GET', path: '/v1/vms/{id}', status: 200 },
      summary: 'A virtual machine',
      params: idParams,
      answer: fleetVmSchema,
      handle: async ({ params: { id } }) => ({ body: await readVm(db, id, now()) }),
    }),
    ...VM_ACTIONS.map((action) =>
      createRoute(action === 'start' ? 'vm:start' : 'vm:stop', {
        ...{ method: 'POST', path: `/v1/vms/{id}/${action}`, status: 202 },
        summary: `Have a virtual machine’s host ${action} it, by a task`,
        params: idParams,
        body: z
          .strictObject({
            expiresInSeconds: z.int().min(1).max(TASK_SECONDS.most).default(TASK_SECONDS.usual),
          })
          .optional(),
        answer: fleetTaskSchema,
        handle: async ({ params: { id }, body, caller: { username: by } }) => {
          const { expiresInSeconds } = body ?? { expiresInSeconds: TASK_SECONDS.usual };
          return { body: await actOnVm(db, id, { action, expiresInSeconds, by, now: now() }) };
        },
      }),
    ),
  ];
}

function poolRoutes({ db, now }: FleetSources): Route[] {
  return [
    createRoute('storage:read', {
      ...{ method: 'GET', path: '/v1/pools', status: 200 },
      summary: 'Storage pools by name, and their state on each host',
      answer: z.object({ items: z.array(fleetPoolSchema) }),
      handle: async () => ({ body: { items: await readFleetPools(db, { now: now() }) } }),
    }),
    createRoute('storage:read', {
      ...{ method: 'GET', path: '/v1/pools/{id}', status: 200 },
      summary: 'A storage pool',
      params: idParams,
      answer: fleetPoolSchema,
      handle: async ({ params: { id } }) => {
        const [pool] = await readFleetPools(db, { now: now(), id });
        if (pool === undefined) throw new ApiError(404, 'there is no such storage pool');
        return { body: pool };
      },
    }),
  ];
}

function taskRoutes({ db, now }: FleetSources): Route[] {
  return [
    createRoute('task:read', {
      ...{ method: 'GET', path: '/v1/tasks', status: 200 },
      summary: 'Tasks, the newest first',
      query: z.strictObject({
        ...pageQuery,
        nodeId: givenId.optional(),
        /** Id of the virtual machine or other object. */
        objectId: createTextSchema(1, 500).optional(),
        state: fleetTaskSchema.shape.state.optional(),
      }),
      answer: createPageSchema(fleetTaskSchema),
      handle: async ({ query: { nodeId, objectId, state, ...asked } }) => {
        await expireTasks(db, now());
        const choice = parsePage(asked);
        const { after, limit } = choice;
        const tasks = await listFleetTasks(db, {
          nodeId,
          objectId,
          state,
          after,
          limit: limit + 1,
        });
        const show = ({ key: _key, ...task }: (typeof tasks)[number]) => task;
        return { body: createPage(tasks, choice, { show, positionOf: (task) => task }) };
      },
    }),
    createRoute('task:read', {
      ...{ method: 'GET', path: '/v1/tasks/{id}', status: 200 },
      summary: 'A task',
      params: idParams,
      answer: fleetTaskSchema,
      handle: async ({ params: { id } }) => ({ body: await readTask(db, id, now()) }),
    }),
    createRoute('task:cancel', {
      ...{ method: 'POST', path: '/v1/tasks/{id}/cancel', status: 202 },
      summary: 'Cancel a task that has not started',
      params: idParams,
      answer: fleetTaskSchema,
      handle: async ({ params: { id }, caller: { username: by } }) => {
        await cancelTask(db, id, { by, now: now() });
        return { body: await readTask(db, id, now()) };
      },
    }),
  ];
}

function tokenRoutes({ db, fingerprint, now }: FleetSources): Route[] {
  return [
    createRoute('node:create', {
      ...{ method: 'GET', path: '/v1/join-tokens', status: 200 },
      summary: 'Join tokens, the oldest first, and which hosts used them',
      answer: z.object({ items: z.array(fleetTokenSchema) }),
      handle: async () => ({ body: { items: await readFleetTokens(db, now()) } }),
    }),
    createRoute('node:create', {
      ...{ method: 'POST', path: '/v1/join-tokens', status: 201, isSecret: true },
      summary: 'Create a join token, which is shown only in this answer',
      body: z.strictObject({
        description: createTextSchema(0, 255).default(''),
        uses: z.int().min(1).max(10_000).default(1),
        expiresInSeconds: z.int().min(60).max(LONGEST_TOKEN_LIFE).default(3600),
      }),
      answer: newTokenSchema,
      handle: async ({ body: { description, uses, expiresInSeconds }, caller }) => {
        const { secret, token } = await createJoinToken(db, {
          ...{ description, createdBy: caller.username, maxUses: uses },
          expiresAt: new Date(now().getTime() + expiresInSeconds * 1000),
        });
        const joinToken = `qxj1.${secret}.${fingerprint}`;
        return {
          body: { ...describeToken({ ...token, uses: [] }, now()), joinToken, fingerprint },
        };
      },
    }),
    createRoute('node:create', {
      ...{ method: 'DELETE', path: '/v1/join-tokens/{id}', status: 204 },
      summary: 'Revoke a join token; hosts that joined with it stay',
      params: idParams,
      handle: async ({ params: { id }, caller: { username: by } }) => {
        if (await revokeJoinToken(db, id, { by, now: now() })) return {};
        throw new ApiError(404, 'there is no such join token, or it was revoked before');
      },
    }),
  ];
}
