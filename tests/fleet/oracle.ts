import { setTimeout as wait } from 'node:timers/promises';
import type { FleetAgent } from './agent.ts';
import type { Plane } from './plane.ts';

/** The newest form of hashes. */
const FORM = 1;
/** Milliseconds between two checks. */
const LOOK = 250;
/** Maximum number of differences in a message. */
const MOST_TOLD = 20;

/**
 * Lists the errors in a control plane's records of an idle fleet: nodes whose records differ from
 * the state of their hosts, nodes and objects of no host, tasks that are open past their deadlines.
 * @returns one line each; none if all is right
 */
export async function findDifferences(
  agents: readonly FleetAgent[],
  plane: Plane,
): Promise<readonly string[]> {
  const recorded = await plane.recorded(FORM);
  const wrong: string[] = [];
  for (const { nodeId, host, isConnected, problem } of agents) {
    const told = recorded.get(nodeId);
    const name = `${host.name} (${nodeId})`;
    if (told === undefined) {
      wrong.push(`${name} is no node`);
      continue;
    }
    const { vms, pools } = await host.hash(FORM);
    if (told.vms !== vms) wrong.push(`virtual machines of ${name} are recorded otherwise`);
    if (told.pools !== pools) wrong.push(`pools of ${name} are recorded otherwise`);
    if (told.managementAddress !== host.address) {
      wrong.push(`${name} has ${host.address}, not ${told.managementAddress}`);
    }
    if (!isConnected) wrong.push(`${name} is ${problem}`);
  }
  const known = new Set(agents.map(({ nodeId }) => nodeId));
  for (const id of recorded.keys()) if (!known.has(id)) wrong.push(`node ${id} is no host`);
  for (const id of await plane.overdue()) wrong.push(`task ${id} is open past its deadline`);
  return wrong.length === 0 ? await plane.contradictions() : wrong;
}

/**
 * Waits until a control plane's records of a fleet are correct.
 * @param patience milliseconds
 * @returns the milliseconds that it took
 * @throws Error that lists differences if it takes longer
 */
export async function untilRight(
  agents: readonly FleetAgent[],
  plane: Plane,
  patience: number,
): Promise<number> {
  const began = performance.now();
  for (;;) {
    const wrong = await findDifferences(agents, plane);
    const took = performance.now() - began;
    if (wrong.length === 0 && (await plane.openTasks()) === 0) return took;
    if (took > patience) {
      const open = `${await plane.openTasks()} tasks are open`;
      const lines = [...wrong.slice(0, MOST_TOLD), open].join('\n');
      throw new Error(`${wrong.length} differences after ${Math.round(took)} ms:\n${lines}`);
    }
    await wait(LOOK);
  }
}
