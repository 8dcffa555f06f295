import * as z from 'zod';
import type { Agent } from '../../api/agent.ts';
import { maintenanceRequestSchema } from '../../api/maintenance.ts';
import { poolRequestSchema } from '../../api/storage.ts';
import { readJson, readText } from '../../http/body.ts';
import { ApiError } from '../../http/error.ts';
import { EXPOSITION_TYPE, formatExposition } from '../../http/exposition.ts';
import { type Answer, makeJsonAnswer, type Route } from '../../http/route.ts';
import { readHealth } from './health.ts';
import { collectMetrics } from './metrics.ts';
import type { Parts, PoolParts, VmParts } from './parts.ts';

const invitationSchema = z.strictObject({ address: z.string().min(1), token: z.string().min(1) });

/** Returns the routes of the agent's HTTP API. The schemas of the answers are in apps/api. */
export function createRoutes(parts: Parts): Route[] {
  const get = (path: string, look: () => Promise<unknown>): Route => ({
    method: 'GET',
    path,
    answer: async () => makeJsonAnswer(await look()),
  });
  return [
    {
      method: 'GET',
      path: '/healthz',
      answer: async () => {
        const health = await readHealth(parts);
        return makeJsonAnswer(health, health.ok ? 200 : 503);
      },
    },
    createMetricsRoute(parts),
    get('/v1/agent', () => describeAgent(parts)),
    get('/v1/host', parts.host),
    get('/v1/network', parts.network),
    get('/v1/storage-pools', async () => (await parts.storage()).pools),
    get('/v1/maintenance', parts.maintenance.current),
    {
      method: 'POST',
      path: '/v1/maintenance',
      answer: async (request) => {
        await parts.maintenance.set(await readJson(request, maintenanceRequestSchema));
        return makeJsonAnswer(await parts.maintenance.current());
      },
    },
    ...poolRoutes(parts.pools),
    ...vmRoutes(parts.vms, get('/v1/vms', parts.vms.current)),
    {
      method: 'POST',
      path: '/v1/control-plane/join',
      answer: async (request) => {
        await parts.controlPlane.join(await readJson(request, invitationSchema));
        return makeJsonAnswer(parts.controlPlane.state());
      },
    },
    {
      method: 'POST',
      path: '/v1/control-plane/leave',
      answer: async (request) => {
        const { force } = await readJson(request, z.strictObject({ force: z.boolean() }));
        await parts.controlPlane.leave(force);
        return makeJsonAnswer(parts.controlPlane.state());
      },
    },
  ];
}

async function describeAgent({ version, id, deployment }: Parts): Promise<Agent> {
  const { pid } = process;
  return { version, pid, runningFor: process.uptime(), id, deployment: await deployment() };
}

function poolRoutes({ add, remove, refresh }: PoolParts): Route[] {
  return [
    {
      method: 'POST',
      path: '/v1/storage-pools',
      answer: async (request) => {
        const asked = await readJson(request, poolRequestSchema);
        await add(asked);
        const { pools } = await refresh();
        const pool = pools.find(({ name }) => name === asked.pool.name);
        return { ...makeJsonAnswer(pool ?? null), status: 201 };
      },
    },
    {
      method: 'DELETE',
      path: '/v1/storage-pools/:id',
      answer: async (_request, name) => {
        await remove(name);
        await refresh();
        return { status: 204, body: '' };
      },
    },
  ];
}

function vmRoutes(vms: VmParts, list: Route): Route[] {
  const act = (verb: string, action: (id: string) => Promise<void>): Route => ({
    method: 'POST',
    path: `/v1/vms/:id/${verb}`,
    answer: async (_request, id) => {
      await action(id);
      return await describeVm(vms, id);
    },
  });
  return [
    list,
    {
      method: 'POST',
      path: '/v1/vms',
      answer: async (request) => {
        const xml = await readText(request);
        if (xml.trim() === '') throw new ApiError(400, 'the body is empty', { fix: DEFINITION });
        const id = await vms.define(xml);
        return { ...(await describeVm(vms, id)), status: 201 };
      },
    },
    act('start', vms.start),
    act('shutdown', vms.shutdown),
    act('destroy', vms.destroy),
    {
      method: 'DELETE',
      path: '/v1/vms/:id',
      answer: async (_request, id) => {
        await vms.undefine(id);
        await vms.refresh();
        return { status: 204, body: '' };
      },
    },
  ];
}

const DEFINITION = "Send libvirt's XML of a domain.";

/** Answers with the state of a machine after an operation; with `null` if it no longer exists. */
async function describeVm({ refresh }: VmParts, id: string): Promise<Answer> {
  const { vms } = await refresh();
  return makeJsonAnswer(vms.find((vm) => vm.id === id.toLowerCase()) ?? null);
}

/** Returns the route `GET /metrics`. */
export function createMetricsRoute(parts: Parts): Route {
  return { method: 'GET', path: '/metrics', answer: () => renderMetrics(parts) };
}

async function renderMetrics(parts: Parts): Promise<Answer> {
  const [host, vms, { pools }] = await Promise.all([
    parts.host(),
    parts.vms.current(),
    parts.storage(),
  ]);
  const { user, system } = process.cpuUsage();
  const text = formatExposition(
    collectMetrics({
      version: parts.version,
      host,
      vms,
      pools,
      controlPlane: parts.controlPlane.state(),
      process: {
        residentMemory: process.memoryUsage.rss(),
        cpuTime: (user + system) / 1_000_000,
      },
    }),
  );
  return { status: 200, type: EXPOSITION_TYPE, body: text };
}
