import { chmod, mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { FleetAgent } from '../fleet/agent.ts';
import { Fleet } from '../fleet/fleet.ts';
import { untilRight } from '../fleet/oracle.ts';
import { StackPlane } from '../fleet/stack-plane.ts';
import type { Figure } from './measure.ts';
import { makePrograms } from './programs.ts';

/** A fleet: hosts, and virtual machines of each. */
const HOSTS = Number(process.env.FLEET ?? 1_000);
const MACHINES = 50;
/** Number of hosts whose agents keep running while all others restart; their virtual machines change meanwhile. */
const CALM = 20;
/** Milliseconds of the measurement of the steady state: two heartbeats of each host. */
const SPAN = 60_000;
/** Time limit of each wait, in milliseconds. */
const PATIENCE = 300_000;
/** Milliseconds between two checks. */
const LOOK = 50;

/**
 * Measures a control plane, the executable of the images with PostgreSQL, etcd and Redis, under a fleet of real agents;
 * both share the processors.
 */
export async function measureFleet(project: string): Promise<Figure[]> {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'quantix-bench-'));
  // The program runs as PostgreSQL's account.
  await chmod(folder.path, 0o755);
  const executable = join(folder.path, 'qx');
  await makePrograms(project, executable);
  await using plane = await StackPlane.start([executable]);
  let streams = 0;
  const log = (line: string) => {
    if (line.endsWith('takes commands of the control plane')) streams += 1;
  };
  // Agents wait for a random time, so that they do not all call at once; for the storm, they do not wait.
  let isStorm = false;
  const random = () => (isStorm ? 0 : Math.random());
  await using fleet = await Fleet.start({ agents: HOSTS, vms: MACHINES, random, log });
  const { agents } = fleet;
  await fleet.join(plane);
  await untilRight(agents, plane, PATIENCE);

  isStorm = true;
  const storm = await measureFullStates(agents, plane);
  isStorm = false;
  await untilRight(agents, plane, PATIENCE);
  const { share, memory, heartbeat, atAgent } = await measureSteadyState(agents, plane);

  streams = 0;
  const killed = performance.now();
  await plane.killAndRestart();
  while (streams < HOSTS) await within(killed);
  await untilRight(agents, plane, PATIENCE);
  const back = (performance.now() - killed) / 1000;

  const of = `${HOSTS} hosts with ${MACHINES} virtual machines each`;
  return [
    { what: 'control plane, steady state', value: share * 100, limit: 5, unit: '%', note: of },
    { what: 'control plane: resident memory', value: memory / 1e6, limit: 250, unit: 'MB' },
    {
      ...({ what: 'heartbeat, p99', value: heartbeat, limit: 15, unit: 'ms' } as const),
      note: `from its request to its answer, in the control plane; ${atAgent.toFixed(0)} ms in the process of all agents`,
    },
    { what: 'all hosts are back after kill -9', value: back, limit: 15, unit: 's' },
    {
      ...({ what: 'full states of all hosts at once', value: storm.seconds } as const),
      ...({ limit: 5, unit: 's' } as const),
      note: `of agents that start; processor time: control plane ${storm.cpu.toFixed(1)} s, all agents ${storm.agentsCpu.toFixed(1)} s`,
    },
    { what: 'a change in its row meanwhile, p99', value: storm.change, limit: 1, unit: 's' },
  ];
}

/**
 * Restarts nearly all agents at once. @returns seconds until the full states of these agents are recorded; seconds
 * from a change of another host until it is recorded, as the 99th percentile; and the seconds of processor time that the
 * control plane, and all agents in this process, have used until the full states were recorded
 */
async function measureFullStates(
  agents: readonly FleetAgent[],
  plane: StackPlane,
): Promise<{ seconds: number; change: number; cpu: number; agentsCpu: number }> {
  const anew = agents.slice(CALM);
  await Promise.all(anew.map((agent) => agent.kill()));
  const [own, before] = [process.cpuUsage(), await plane.usage()];
  const moment = new Date();
  const began = performance.now();
  await Promise.all(anew.map((agent) => agent.start()));
  const over = new AbortController();
  const changing = measureChanges(agents.slice(0, CALM), plane, over.signal);
  try {
    while ((await plane.fullStatesSince(moment)) < anew.length) await within(began);
    const seconds = (performance.now() - began) / 1000;
    const { user, system } = process.cpuUsage(own);
    const cpu = (await plane.usage()).cpu - before.cpu;
    return { seconds, cpu, agentsCpu: (user + system) / 1e6, change: await ended(changing, over) };
  } finally {
    over.abort();
  }
}

async function ended(changing: Promise<number[]>, over: AbortController): Promise<number> {
  over.abort();
  return percentile(await changing, 0.99);
}

/** Measures the seconds from each of many changes of power states until it is recorded. */
async function measureChanges(
  agents: readonly FleetAgent[],
  plane: StackPlane,
  signal: AbortSignal,
): Promise<number[]> {
  const took: number[] = [];
  for (let round = 0; !signal.aborted; round += 1) {
    const host = agents[round % agents.length]?.host;
    const vm = host?.vms.values().next().value;
    if (host === undefined || vm === undefined) throw new Error('no virtual machine to change');
    const isOn = vm.state === 'running';
    const began = performance.now();
    host.put({ ...vm, state: isOn ? 'shutoff' : 'running' });
    while ((await plane.powerState(vm.id)) !== (isOn ? 'SHUT_OFF' : 'RUNNING')) await within(began);
    took.push((performance.now() - began) / 1000);
  }
  return took;
}

/**
 * Measures an idle fleet. @returns the control plane's share of a processor and its bytes of memory; and, as the 99th
 * percentile, the milliseconds of a heartbeat in the control plane, and as measured by the agents, which share one
 * process
 */
async function measureSteadyState(agents: readonly FleetAgent[], plane: StackPlane) {
  const heartbeats: number[] = [];
  for (const { host } of agents) host.onHeartbeat = (took) => heartbeats.push(took);
  const before = await plane.usage();
  const callsBefore = new Map(await plane.callTimes('Heartbeat'));
  await wait(SPAN);
  const { cpu, memory } = await plane.usage();
  for (const { host } of agents) host.onHeartbeat = () => undefined;
  const share = (cpu - before.cpu) / (SPAN / 1000);
  const calls = (await plane.callTimes('Heartbeat')).map(
    ([limit, count]) => [limit, count - (callsBefore.get(limit) ?? 0)] as const,
  );
  const heartbeat = quantile(calls, 0.99) * 1000;
  return { share, memory, heartbeat, atAgent: percentile(heartbeats, 0.99) };
}

/** Waits for the next check. @throws if the time limit has passed since the given time */
async function within(began: number): Promise<void> {
  if (performance.now() - began > PATIENCE) throw new Error('the fleet does not get there');
  await wait(LOOK);
}

/**
 * Estimates a quantile from counts up to limits, as Prometheus does: values between two limits count as evenly spread.
 */
function quantile(counts: readonly (readonly [limit: number, count: number])[], share: number) {
  const rank = (counts.at(-1)?.[1] ?? Number.NaN) * share;
  let [below, lower] = [0, 0];
  for (const [limit, count] of counts) {
    if (count >= rank) return lower + ((limit - lower) * (rank - below)) / (count - below);
    [below, lower] = [count, limit];
  }
  return Number.NaN;
}

function percentile(figures: readonly number[], share: number): number {
  const sorted = [...figures].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
