import type { Machine } from './world/machine.ts';
import { startProgram } from './world/program.ts';
import { begin, goDhcp, goStatic } from './world/story.ts';
import { test } from './world/test.ts';

/** Starts a watcher of a machine's network, which prints a line per change until it is disposed of. */
function watch(machine: Machine) {
  return startProgram(machine, 'watcher.ts', machine.root);
}

test('a changed address is seen when it changes, and the old one is gone for good', async () => {
  await using story = await begin();
  const { machine, lan } = story;
  await lan.serveDhcp();
  await goStatic(machine, 'eth0', { lan, host: 7 });
  await using seen = watch(machine);
  await seen.until(lan.host(7));
  await goStatic(machine, 'eth0', { lan, host: 8 });
  await seen.until(lan.host(8));
  await goDhcp(machine, 'eth0', lan);
  const [leased] = (await machine.state('eth0')).addresses;
  await seen.until(leased?.replace('/24', '') ?? '');
});

test('a machine that loses its only address has none, and the other card takes over the route', async () => {
  await using story = await begin();
  const { machine, lan, other } = story;
  await goStatic(machine, 'eth0', { lan, host: 7 });
  await using seen = watch(machine);
  await seen.until(lan.host(7));
  await machine.succeed('ip addr flush dev eth0');
  await seen.until('null');
  await goStatic(machine, 'eth1', { lan: other, host: 9 });
  await seen.until(other.host(9));
});

test('a monitor that was killed is reported, started again, and what was missed meanwhile is seen', async () => {
  await using story = await begin();
  const { machine, lan } = story;
  await goStatic(machine, 'eth0', { lan, host: 7 });
  await using seen = watch(machine);
  await seen.until(lan.host(7));
  await machine.succeed("kill -9 $(ps -o pid,args | awk '/[i]p -o monitor/ { print $1 }')");
  await seen.until('problem: /sbin/ip was ended by SIGKILL');
  await goStatic(machine, 'eth0', { lan, host: 8 });
  await seen.until(lan.host(8));
});
