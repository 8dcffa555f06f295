import { readdirSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { run } from '../../../apps/agent/run.ts';
import { VirtualTime, whatIsQuiet } from './virtual-time.ts';

/**
 * Runs the agent of an idle machine for hours of virtual time. Writes the resources that it uses after each hour, as a
 * line of JSON. Arguments: a folder for its files, a folder that is first on its PATH, and the number of hours. Node
 * must run with --expose-gc.
 */
const [folder = '', programs = '', hours = ''] = process.argv.slice(2);
process.env.PATH = `${programs}:${process.env.PATH}`;
const logFile = join(folder, 'node.log');
const children = () =>
  readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').split(' ').filter(Boolean).length;

const time = new VirtualTime();
const end = new AbortController();
const places = { socket: join(folder, 'node.sock'), folder, logFile, uri: 'test:///default' };
const ended = run(places, end.signal);
// Two processes always run: iproute2's monitor, and virsh, which waits for events.
while (children() < 2) {
  await turn();
  await time.pass(100, Number.POSITIVE_INFINITY);
}
const quiet = await whatIsQuiet();
for (let hour = 1; hour <= Number(hours); hour++) {
  await time.pass(3_600_000, quiet);
  for (let times = 0; times < 3; times++) {
    globalThis.gc?.();
    await turn();
  }
  const { heapUsed, external } = process.memoryUsage();
  const told = {
    // Buffers are outside of the heap; `external` includes them.
    memory: heapUsed + external,
    descriptors: readdirSync('/proc/self/fd').length,
    children: children(),
    lines: readFileSync(logFile, 'utf8').split('\n').length,
    looks: readFileSync(join(programs, 'looks'), 'utf8').length,
  };
  // Not console.log: it would open a pipe, which counts as work.
  writeSync(1, `${JSON.stringify(told)}\n`);
}
end.abort();
process.exitCode = await ended;
