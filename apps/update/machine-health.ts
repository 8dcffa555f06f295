import { askAgent } from '../agent/client/ask-agent.ts';
import { type Health, healthSchema } from '../api/health.ts';
import { CONTROL_PLANE_SOCKET, readinessSchema } from '../api/readiness.ts';
import { messageOf } from '../error.ts';
import { expectWritable } from '../files/durable-file.ts';
import { isWritableMount, readMounts } from '../host/mounts.ts';
import { ask } from '../http/ask.ts';
import { runVirsh, SYSTEM_URI } from '../libvirt/virsh.ts';
import { readServices } from '../services/state.ts';
import type { Probe } from './health.ts';

/** Milliseconds that one check may take. */
const LIMIT = 20_000;
/** Runlevels whose services must run. */
const LASTING = ['boot', 'default'];

/** What is expected of the machine. */
export interface Expected {
  product: string;
  /** Whether the control plane must be reachable, because it was reachable before the activation. */
  controlPlane: boolean;
  /** `/quantix`. */
  configuration: string;
}

/**
 * Makes the probe for a machine of a product: its services, its configuration, and libvirt and the agent, or the
 * control plane.
 */
export function makeMachineProbe(expected: Expected): Probe {
  const restarts = new Map<string, number>();
  const parts: Probe[] = [
    () => listServiceProblems(restarts),
    () => configurationProblems(expected.configuration),
    ...(expected.product === 'quantix-os'
      ? [libvirtProblems, (signal: AbortSignal) => agentProblems(expected.controlPlane, signal)]
      : [controlPlaneProblems]),
  ];
  return async (signal) => {
    const limited = AbortSignal.any([signal, AbortSignal.timeout(LIMIT)]);
    const found = await Promise.all(
      parts.map((part) => part(limited).catch((error: unknown) => [messageOf(error)])),
    );
    return found.flat();
  };
}

/**
 * Reports services that do not run, or that were restarted since the last check: a service that crashes repeatedly runs
 * most of the time.
 * @param before restarts of each service; updated
 * @param root folder that contains etc, proc and run
 */
export async function listServiceProblems(
  before: Map<string, number>,
  root = '/',
): Promise<string[]> {
  const needed = (await readServices(root)).filter(({ runlevels }) =>
    runlevels.some((level) => LASTING.includes(level)),
  );
  return needed.flatMap(({ name, state, restarts }) => {
    const known = before.get(name) ?? restarts;
    before.set(name, restarts);
    if (state !== 'started') return [`${name} is ${state}`];
    return restarts > known ? [`${name} had to be started anew`] : [];
  });
}

async function configurationProblems(folder: string): Promise<string[]> {
  if (!isWritableMount(folder, await readMounts())) {
    return [`nothing that can be written is mounted at ${folder}`];
  }
  await expectWritable(`${folder}/.health`, 'well\n');
  return [];
}

async function libvirtProblems(signal: AbortSignal): Promise<string[]> {
  await runVirsh({ uri: SYSTEM_URI, signal }, ['list', '--all', '--name'], LIMIT);
  return [];
}

async function agentProblems(controlPlane: boolean, signal: AbortSignal): Promise<string[]> {
  const health = await readHealth(signal);
  if (!controlPlane || health.controlPlane.state === 'connected') return [];
  const { state, problem } = health.controlPlane;
  return [`the control plane, which was reached before the update, is not: ${problem ?? state}`];
}

/** Returns whether the control plane is reachable now. A host whose agent does not answer cannot reach it. */
export async function reachesControlPlane(signal: AbortSignal): Promise<boolean> {
  const health = await readHealth(signal).catch(() => undefined);
  return health?.controlPlane.state === 'connected';
}

function readHealth(signal: AbortSignal): Promise<Health> {
  return askAgent({ path: '/healthz', schema: healthSchema, timeLimit: LIMIT, signal });
}

async function controlPlaneProblems(signal: AbortSignal): Promise<string[]> {
  const { ready, problem } = await ask({
    whom: {
      name: 'the control plane',
      service: 'qx-controlplane',
      socketPath: CONTROL_PLANE_SOCKET,
    },
    path: '/readyz',
    schema: readinessSchema,
    timeLimit: LIMIT,
    signal,
  });
  return ready ? [] : [`the control plane cannot serve: ${problem ?? 'it does not say why'}`];
}
