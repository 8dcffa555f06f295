import { readdirSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { run } from '../../../apps/agent/run.ts';
import { VirtualTime, whatIsQuiet } from './virtual-time.ts';

/**
 * The agent of a machine on which nothing happens for hours of virtual time. Writes after each hour, as a line of JSON, what
 * it takes. Arguments: a folder for its files, one with the programs that it finds first, and how many hours. Node has to have
 * --expose-gc.
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
// Processes that always run: iproute2's monitor, and virsh, which listens.
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
  const told = {
    heap: process.memoryUsage().heapUsed,
    descriptors: readdirSync('/proc/self/fd').length,
    children: children(),
    lines: readFileSync(logFile, 'utf8').split('\n').length,
    looks: readFileSync(join(programs, 'looks'), 'utf8').length,
  };
  // Not console.log: it would open a pipe, which looks like work.
  writeSync(1, `${JSON.stringify(told)}\n`);
}
end.abort();
process.exitCode = await ended;
