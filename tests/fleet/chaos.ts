import { setTimeout as wait } from 'node:timers/promises';
import { must } from '../../build/error.ts';
import type { Random } from '../fuzz/random.ts';
import type { FleetAgent } from './agent.ts';
import { addressOf } from './fake-host.ts';
import type { Plane } from './plane.ts';

/** Faults and changes of a fleet. Rates are per second, for the whole fleet. */
export interface ChaosOptions {
  /** Share of the agents that are killed and started again, 0 to 1, spread over the whole time. */
  readonly kill: number;
  /** Rate of virtual machines that move to another host. */
  readonly moveVms: number;
  /** Rate of virtual machines that are switched on or off on their host. */
  readonly switchVms: number;
  /** Rate of hosts that get another address. */
  readonly addressChange: number;
  /** Rate of tasks of the control plane. */
  readonly tasks: number;
  /** Largest error of hosts' clocks, in milliseconds. */
  readonly clockSkew: number;
}

/** No faults. */
export const CALM: ChaosOptions = {
  kill: 0,
  moveVms: 0,
  switchVms: 0,
  addressChange: 0,
  tasks: 0,
  clockSkew: 0,
};

/** Milliseconds between two moments at which faults occur. */
const TICK = 100;

/**
 * Injects faults into a fleet for a time. Afterwards every agent runs.
 * @param milliseconds duration
 */
export async function injectFaults(
  { agents, plane, random }: { agents: readonly FleetAgent[]; plane: Plane; random: Random },
  options: ChaosOptions,
  milliseconds: number,
): Promise<void> {
  const seconds = milliseconds / 1000;
  const down = new Set<Promise<void>>();
  const anyAgent = () => must(agents[random.below(agents.length)], 'agent');
  const happenings: readonly [rate: number, happen: () => unknown][] = [
    [
      (options.kill * agents.length) / seconds,
      () => {
        const restart = killAndRestart(anyAgent(), random.below(1000));
        down.add(restart);
      },
    ],
    [options.moveVms, () => moveVm(anyAgent(), anyAgent(), random)],
    [options.switchVms, () => switchVm(anyAgent(), random)],
    [
      options.addressChange,
      () => anyAgent().changeAddress(addressOf(2 ** 23 + random.below(2 ** 23))),
    ],
    [options.tasks, () => giveTask(anyAgent(), plane, random)],
    [
      options.clockSkew > 0 ? agents.length / seconds : 0,
      () => anyAgent().setClock((random.below(2001) / 1000 - 1) * options.clockSkew),
    ],
  ];
  const owed = happenings.map(() => 0);
  const end = performance.now() + milliseconds;
  for (let before = performance.now(); before < end; ) {
    await wait(TICK);
    const now = performance.now();
    for (const [index, [rate, happen]] of happenings.entries()) {
      let due = (owed[index] ?? 0) + (rate * (now - before)) / 1000;
      for (; due >= 1; due -= 1) await happen();
      owed[index] = due;
    }
    before = now;
  }
  await Promise.all(down);
}

/** Agents that were killed and are not yet restarted. */
const dead = new WeakSet<FleetAgent>();

async function killAndRestart(agent: FleetAgent, pause: number): Promise<void> {
  if (dead.has(agent)) return;
  dead.add(agent);
  await agent.kill();
  if (pause % 2 === 0) agent.host.reboot();
  await wait(pause);
  await agent.start();
  dead.delete(agent);
}

/** Moves a virtual machine like a migration: for a moment both hosts or none may have it. */
function moveVm(from: FleetAgent, to: FleetAgent, random: Random): void {
  const vm = anyOf([...from.host.vms.values()], random);
  if (vm === undefined || from === to) return;
  const steps = [() => from.host.remove(vm.id), () => to.host.put(vm)];
  for (const step of random.below(2) === 0 ? steps : steps.toReversed()) step();
}

function switchVm({ host }: FleetAgent, random: Random): void {
  const vm = anyOf([...host.vms.values()], random);
  if (vm !== undefined) host.put({ ...vm, state: vm.state === 'running' ? 'shutoff' : 'running' });
}

async function giveTask({ host, nodeId }: FleetAgent, plane: Plane, random: Random): Promise<void> {
  const vm = anyOf([...host.vms.values()], random);
  if (vm === undefined) return;
  await plane.act(nodeId, vm.state === 'running' ? 'shutdownVm' : 'startVm', vm.id);
}

function anyOf<T>(list: readonly T[], random: Random): T | undefined {
  return list[random.below(Math.max(1, list.length))];
}
