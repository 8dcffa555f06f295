import { Interrupt } from '../../tasks/interrupt.ts';
import { ControlPlane } from '../control-plane/control-plane.ts';
import { Random } from '../fuzz/random.ts';
import { injectFaults } from './chaos.ts';
import { parseFleetArguments, USAGE, type Wanted } from './command-line.ts';
import { Fleet } from './fleet.ts';
import { MemoryPlane } from './memory-plane.ts';
import { untilRight } from './oracle.ts';
import type { Plane } from './plane.ts';
import { StackPlane } from './stack-plane.ts';

/** Milliseconds until all records must be correct: some heartbeats. */
const PATIENCE = 120_000;

/** Runs faults on a fleet and its control plane, and checks the records afterwards. */
async function runStory(fleet: Fleet, plane: Plane, wanted: Wanted): Promise<void> {
  const { agents } = fleet;
  const { chaos, duration, real } = wanted;
  const began = performance.now();
  await fleet.join(plane);
  const joined = performance.now() - began;
  console.log(`${agents.length} agents have joined after ${joined.toFixed(0)} ms`);
  const first = await untilRight(agents, plane, PATIENCE);
  console.log(`all hashes are equal ${first.toFixed(0)} ms later`);
  await injectFaults({ agents, plane, random: new Random(wanted.seed) }, chaos, duration);
  const after = await untilRight(agents, plane, PATIENCE);
  console.log(`all hashes are equal ${after.toFixed(0)} ms after what happened for ${duration} ms`);
  const resident = process.memoryUsage().rss / 2 ** 20;
  console.log(`${resident.toFixed(0)} MiB of memory${real ? '' : ', with the control plane'}`);
}

/** Carries out a run of `qx-fleet`, to its end or until the signal is aborted. */
async function runFleet(plane: Plane, wanted: Wanted, signal: AbortSignal): Promise<void> {
  await using fleet = await Fleet.start(wanted);
  const told = Promise.withResolvers<void>();
  signal.addEventListener('abort', () => told.resolve(), { once: true });
  await Promise.race([runStory(fleet, plane, wanted), told.promise]);
}

let wanted: Wanted;
try {
  wanted = parseFleetArguments(process.argv.slice(2));
} catch (error) {
  console.error(`qx-fleet: ${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
  process.exit(2);
}
using interrupt = new Interrupt();
if (wanted.real) {
  await using plane = await StackPlane.start();
  await runFleet(plane, wanted, interrupt.signal);
} else {
  const memory = await ControlPlane.open();
  try {
    await runFleet(new MemoryPlane(memory), wanted, interrupt.signal);
  } finally {
    await memory.api.close();
  }
}
process.exit(interrupt.exitCode ?? 0);
