import { expect, test } from 'vitest';
import { ControlPlane } from '../control-plane/control-plane.ts';
import { Random } from '../fuzz/random.ts';
import type { FleetAgent } from './agent.ts';
import { type ChaosOptions, injectFaults } from './chaos.ts';
import { parseFleetArguments } from './command-line.ts';
import { Fleet } from './fleet.ts';
import { MemoryPlane } from './memory-plane.ts';
import { findDifferences, untilRight } from './oracle.ts';
import type { Plane } from './plane.ts';
import { StackPlane } from './stack-plane.ts';

/** Milliseconds: somewhat more than the time between two heartbeats. */
const PATIENCE = 60_000;

const CHAOS: ChaosOptions = {
  kill: 0.5,
  moveVms: 20,
  switchVms: 20,
  addressChange: 10,
  tasks: 20,
  clockSkew: 90_000,
};

/**
 * Joins thirty agents, injects faults into them and the control plane, and checks that all records are correct
 * afterwards.
 * @param meanwhile runs during the faults
 * @param afterwards runs with the fleet after them
 */
async function expectRightAfterChaos(
  plane: Plane,
  meanwhile: () => Promise<void> = async () => undefined,
  afterwards: (agents: readonly FleetAgent[]) => Promise<void> = async () => undefined,
): Promise<void> {
  await using fleet = await Fleet.start({ agents: 30, vms: 20, random: () => 0 });
  const { agents } = fleet;
  await fleet.join(plane);
  await untilRight(agents, plane, PATIENCE);
  const random = new Random(1);
  await Promise.all([injectFaults({ agents, plane, random }, CHAOS, 3000), meanwhile()]);
  await untilRight(agents, plane, PATIENCE);
  await afterwards(agents);
  const [first] = agents;
  first?.host.vms.clear();
  expect(await findDifferences(agents, plane)).toEqual([
    `virtual machines of host-0 (${first?.nodeId}) are recorded otherwise`,
  ]);
}

test(
  'thirty agents with crashes, moving machines, changing addresses and wrong clocks end with a correct state in a control plane in memory',
  async () => {
    const memory = await ControlPlane.open();
    memory.interval = 1;
    try {
      await expectRightAfterChaos(new MemoryPlane(memory));
    } finally {
      await memory.api.close();
    }
  },
  2 * PATIENCE,
);

/** Restarts the control plane, changes a virtual machine of each host, and checks that no host sends a full state. */
async function expectCheapRestart(plane: StackPlane, agents: readonly FleetAgent[]): Promise<void> {
  const moment = new Date();
  await plane.killAndRestart();
  for (const { host } of agents) {
    const [vm] = host.vms.values();
    if (vm !== undefined)
      host.put({ ...vm, state: vm.state === 'running' ? 'shutoff' : 'running' });
  }
  await untilRight(agents, plane, PATIENCE);
  expect(await plane.fullStatesSince(moment)).toBe(0);
}

test(
  'with the same faults, agents of a control plane that is killed meanwhile end with a correct state in its database: no records contradict each other, no task is open, and after another restart hosts send only their changes',
  async () => {
    await using plane = await StackPlane.start();
    await expectRightAfterChaos(
      plane,
      () => plane.killAndRestart(),
      (agents) => expectCheapRestart(plane, agents),
    );
    const [, calls] = (await plane.callTimes('NotifyVMChange')).at(-1) ?? [];
    expect(calls).toBeGreaterThanOrEqual(30);
  },
  4 * PATIENCE,
);

test('the command line of qx-fleet reports events and errors', () => {
  const words = ['--agents', '100', '--kill', '10%', '--move-vms', '5/s', '--clock-skew', '90s'];
  expect(parseFleetArguments([...words, '--address-change', '2/min'])).toEqual({
    ...{ real: false, agents: 100, vms: 50, duration: 30_000, seed: 1 },
    chaos: {
      ...{ kill: 0.1, moveVms: 5, switchVms: 0, addressChange: 2 / 60, tasks: 0 },
      clockSkew: 90_000,
    },
  });
  for (const wrong of [
    ['--kill', '10'],
    ['--kill', '101%'],
    ['--move-vms', '5'],
    ['--clock-skew', '90'],
    ['--agents', '-1'],
    ['--agents', 'many'],
  ]) {
    expect(() => parseFleetArguments(wrong)).toThrow(wrong[0]);
  }
});
