import { expect } from 'vitest';
import type { Machine } from './world/machine.ts';
import { begin, type Story } from './world/story.ts';
import { test } from './world/test.ts';

/** System calls with which a shell starts a program: every write is between two of them. */
const FORKS = '?fork,?vfork,clone,?clone3';

/** A change, the files before it, and the possible states of eth0 after a power cut. */
interface Change {
  before: Record<string, string>;
  command: string[];
  old: string;
  new: string;
}

function changes({ lan }: Story): Record<string, Change> {
  const text = `IP_ADDRESS=${lan.host(7)}\nPREFIX=24\n`;
  const [old, next] = [`static ${lan.host(7)}`, `static ${lan.host(8)}`];
  const goStatic = ['static', 'eth0', `${lan.host(8)}/24`, '--gateway', lan.gateway];
  return {
    'from static to static': {
      before: { '/quantix/network/eth0.conf': text },
      command: goStatic,
      old,
      new: next,
    },
    'from static.conf to static': {
      before: { '/quantix/network/static.conf': text },
      command: goStatic,
      old,
      new: next,
    },
    'from static to DHCP': {
      before: {
        '/quantix/network/eth0.conf': text,
        '/quantix/network/static.conf': text.replace(lan.host(7), lan.host(9)),
      },
      command: ['dhcp', 'eth0'],
      old,
      new: 'dhcp',
    },
  };
}

/** Resets the machine to the files before a change. Without a carrier, to skip the detection of address conflicts. */
async function reset(machine: Machine, before: Change['before']): Promise<void> {
  await machine.cutPower();
  await machine.succeed('rm -rf /quantix/network; ip link set eth0 up');
  for (const [file, text] of Object.entries(before)) await machine.write(file, text);
}

/**
 * Runs the change, kills it when it starts its `at`-th program, and then cuts the power.
 * @returns whether the change had ended before that
 */
async function cutAt(machine: Machine, { before, command }: Change, at: number): Promise<boolean> {
  await reset(machine, before);
  const kill = `inject=${FORKS}:signal=KILL:when=${at}`;
  const traced = ['strace', '-o', '/dev/null', '-e', `trace=${FORKS}`, '-e', kill];
  const { status } = await machine.networkBy(traced, ...command);
  await machine.cutPower();
  return status === 0;
}

/** Returns the state of eth0 after the next boot. */
async function boot(machine: Machine): Promise<string> {
  await machine.succeed('ip link set eth0 up');
  expect(await machine.network('apply', 'eth0')).toMatchObject({ status: 0 });
  const { method, addresses } = await machine.statusOf('eth0');
  return [method, ...addresses.map(({ address }) => address)].join(' ');
}

for (const name of ['from static to static', 'from static.conf to static', 'from static to DHCP']) {
  test(`a power cut at any moment of a change leaves the old or the new configuration (${name})`, async () => {
    await using story = await begin('dash');
    const { machine, lan, cable } = story;
    await lan.ip('link', 'set', cable, 'down');
    const change = changes(story)[name]!;
    const seen: string[] = [];
    for (let [at, done] = [1, false]; !done; at++) {
      done = await cutAt(machine, change, at);
      const found = await boot(machine);
      expect([change.old, change.new], `killed at program ${at}`).toContain(found);
      seen.push(found);
    }
    expect(seen.length).toBeGreaterThan(20);
    expect(seen[0]).toBe(change.old);
    expect(seen.at(-1)).toBe(change.new);
    const turn = seen.indexOf(change.new);
    expect(new Set(seen.slice(turn))).toEqual(new Set([change.new]));
  });
}
