import { expect, test } from 'vitest';
import { ControlPlane } from '../control-plane/control-plane.ts';
import { Random } from '../fuzz/random.ts';
import { rage } from './chaos.ts';
import { Fleet } from './fleet.ts';
import { MemoryPlane } from './memory-plane.ts';
import { findDifferences, untilRight } from './oracle.ts';

/** Milliseconds: for as long as agents wait between two heartbeats, and then some. */
const PATIENCE = 40_000;

test('thirty agents that are killed, whose machines move and are switched, whose addresses change and clocks are wrong end with all of it told to a control plane in memory', async () => {
  const memory = await ControlPlane.open();
  memory.interval = 1;
  const plane = new MemoryPlane(memory);
  try {
    await using fleet = await Fleet.start({ agents: 30, vms: 20, random: () => 0 });
    const { agents } = fleet;
    await fleet.join(plane);
    await untilRight(agents, plane, PATIENCE);
    const chaos = { kill: 0.5, moveVms: 20, switchVms: 20, addressChange: 10, tasks: 20 };
    const random = new Random(1);
    await rage({ agents, plane, random }, { ...chaos, clockSkew: 90_000 }, 3000);
    await untilRight(agents, plane, PATIENCE);
    const [first] = agents;
    first?.host.vms.clear();
    expect(await findDifferences(agents, plane)).toEqual([
      `virtual machines of host-0 (${first?.nodeId}) are recorded otherwise`,
    ]);
  } finally {
    await memory.door.close();
  }
});
