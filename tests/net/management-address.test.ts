import type { Machine } from './world/machine.ts';
import { startProgram } from './world/program.ts';
import { begin, goDhcp, goStatic } from './world/story.ts';
import { test } from './world/test.ts';

/** Starts a watcher of a machine's network, which prints a line per change until it is disposed of. */
function watch(machine: Machine) {
  return startProgram(machine, 'watcher.ts', machine.root);
}

test('a change of address is reported at once, and the old address does not come back', async () => {
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

test('the loss of the only address is reported, and then the address of another card with a default route', async () => {
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

test('a killed monitor is reported and restarted, and changes missed meanwhile are found', async () => {
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
