import { expect } from 'vitest';
import type { Lan } from './world/lan.ts';
import type { Machine } from './world/machine.ts';
import {
  begin,
  type Expected,
  expectInvariant,
  expectState,
  goDhcp,
  goStatic,
  type Story,
} from './world/story.ts';
import { test } from './world/test.ts';
import { until } from './world/until.ts';

const WALKS = 30;
const STEPS = 3;
/** Number of consecutive walks on one machine: each starts with the state that the previous one left. */
const WALKS_OF_A_MACHINE = 5;

const FAILING_WALKS = 4;
const FAILING_STEPS = 9;

/**
 * A stand-in for the DHCP hook: if /cut contains a number of microseconds, it is killed once, that long after its
 * start.
 */
const CUT_HOOK = `#!/bin/sh
if [ "$1" = bound ] && [ -s /cut ]; then
	read -r cut </cut
	rm /cut
	(usleep "$cut"; kill -9 $$) >/dev/null 2>&1 &
fi
exec /usr/lib/quantix/real-hook "$@"
`;

/** Numbers from 0 to below 1 that depend on the seed only (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const SERVERS = [[], ['9.9.9.9'], ['1.1.1.1', '8.8.8.8'], ['9.9.9.9', '149.112.112.112']];

interface Step {
  machine: Machine;
  name: string;
  lan: Lan;
  random: () => number;
}

/** One random change of an interface. */
async function step({ machine, name, lan, random }: Step): Promise<Expected> {
  if (random() < 0.4) return await goDhcp(machine, name, lan);
  const host = 10 + Math.floor(random() * 80);
  return await goStatic(machine, name, {
    lan,
    host,
    dns: SERVERS[Math.floor(random() * SERVERS.length)] ?? [],
  });
}

for (let first = 1; first <= WALKS; first += WALKS_OF_A_MACHINE) {
  test(`after any sequence of changes two interfaces are as the last changes say (walks ${first} to ${first + WALKS_OF_A_MACHINE - 1})`, async () => {
    await using story = await begin(first % 2 === 0 ? 'ash' : 'dash');
    const { machine, lan, other } = story;
    await Promise.all([lan.serveDhcp(), other.serveDhcp()]);
    const expected: Record<string, Expected> = {};
    for (let seed = first; seed < first + WALKS_OF_A_MACHINE; seed++) {
      const random = randomNumbers(seed);
      for (let count = 0; count < STEPS; count++) {
        const [name, wire] = random() < 0.5 ? ['eth0', lan] : ['eth1', other];
        expected[name] = await step({ machine, name, lan: wire, random });
        await expectInvariant(machine, expected).catch((error: unknown) => {
          throw new Error(`walk ${seed}, step ${count}`, { cause: error });
        });
      }
    }
  });
}

/** System calls with which a shell starts a program: every write is between two of them. */
const FORKS = '?fork,?vfork,clone,?clone3';

/** A step with a failure, or with several commands. */
interface FailingStep extends Step {
  /** The state of the interface before the step. */
  before: Expected;
}

/** Returns the arguments for a random static address, and the resulting state of an interface. */
function choose({ name, lan, random }: Step): { args: string[]; wanted: Expected } {
  const host = 10 + Math.floor(random() * 80);
  const dns = SERVERS[Math.floor(random() * SERVERS.length)] ?? [];
  const address = `${lan.host(host)}/24`;
  const servers = dns.length === 0 ? 'none' : dns.join(',');
  return {
    args: ['static', name, address, '--gateway', lan.gateway, '--dns', servers],
    wanted: { method: 'static', lan, address, dns },
  };
}

function startWatch(machine: Machine): void {
  machine.start('/usr/sbin/qx-network', 'watch');
}

const WATCH = "ps -o pid,args | awk '/[q]x-network watch/ { print $1 }'";

/** Steps by name. Each returns the possible states after it: the service completes or undoes an interrupted change. */
const FAILING: Readonly<Record<string, (step: FailingStep) => Promise<Expected[]>>> = {
  static: async (now) => [await goStaticly(now)],
  dhcp: async ({ machine, name, lan }) => [await goDhcp(machine, name, lan)],
  'static for the session': async (now) => [await goStaticly(now, '--session')],
  'a change that is confirmed': async (now) => {
    const { machine, name } = now;
    const wanted = await goStaticly(now, '--confirm=600');
    expect(await machine.network('confirm', name)).toMatchObject({ status: 0 });
    return [wanted];
  },
  'a change that nobody confirms': async (now) => {
    const { machine, name, before } = now;
    await goStaticly(now, '--confirm=600');
    await machine.succeed(`sed -i 's/^[0-9]*/0/' /run/quantix/network/${name}/trial`);
    await until('the trial ends', async () => {
      return (await machine.statusOf(name)).confirm === null || undefined;
    });
    return [before];
  },
  'a change that is killed': async (now) => {
    const { machine, name, lan, before, random } = now;
    const { args, wanted } =
      random() < 0.6 ? choose(now) : { args: ['dhcp', name], wanted: dhcp(lan) };
    const at = 1 + Math.floor(random() * 50);
    const kill = `inject=${FORKS}:signal=KILL:when=${at}`;
    await machine.networkBy(
      ['strace', '-o', '/dev/null', '-e', `trace=${FORKS}`, '-e', kill],
      ...args,
    );
    return [before, wanted];
  },
  'a client that is killed': async ({ machine, name, before }) => {
    await machine.sh(`kill -9 $(cat /run/quantix/network/${name}/udhcpc.pid)`);
    return [before];
  },
  'a hook that is killed': async ({ machine, name, lan, random }) => {
    await machine.write('/cut', String(Math.floor(random() * 120_000)));
    await machine.sh(`kill -9 $(cat /run/quantix/network/${name}/udhcpc.pid)`);
    expect(await machine.network('dhcp', name)).toMatchObject({ status: 0 });
    return [dhcp(lan)];
  },
  'a watch that is killed': async ({ machine, before }) => {
    await machine.succeed(`kill -9 $(${WATCH})`);
    startWatch(machine);
    return [before];
  },
  'a full disk': async (now) => {
    const { machine, name, before } = now;
    await machine.succeed('yes | dd of=/quantix/full bs=4k; :');
    expect(await machine.network(...choose(now).args)).toMatchObject({ status: 1 });
    await machine.succeed('rm /quantix/full');
    // The failed change is reported until this succeeds.
    expect(await machine.network('apply', name)).toMatchObject({ status: 0 });
    return [before];
  },
  'a server that is gone': async ({ machine, name, lan }) => {
    await lan.stopDhcp();
    expect(await machine.network('dhcp', name)).toMatchObject({ status: 0 });
    await lan.serveDhcp();
    return [dhcp(lan)];
  },
  'an interface that is gone': async ({ machine, name, lan, before }) => {
    await machine.disappear(name);
    await lan.plug(machine, name);
    return [before];
  },
  'two callers': async (now) => {
    const { machine, name, lan } = now;
    const { args, wanted } = choose(now);
    const outcomes = await Promise.all([machine.network(...args), machine.network('dhcp', name)]);
    expect(outcomes.map(({ status }) => status)).toEqual([0, 0]);
    return [wanted, dhcp(lan)];
  },
  apply: async ({ machine, before }) => {
    expect(await machine.network('apply')).toMatchObject({ status: 0 });
    return [before];
  },
};

function dhcp(lan: Lan): Expected {
  return { method: 'dhcp', lan };
}

async function goStaticly(now: FailingStep, ...more: string[]): Promise<Expected> {
  const { args, wanted } = choose(now);
  expect(await now.machine.network(...args, ...more)).toMatchObject({ status: 0, stderr: '' });
  return wanted;
}

/** Waits until an interface has one of the candidate states, and the other interfaces have their expected states. */
async function settle(
  { machine }: Story,
  expected: Readonly<Record<string, Expected>>,
  [name, candidates]: [string, Expected[]],
): Promise<Expected> {
  return await until('the machine is sound', async () => {
    let reason: unknown;
    for (const candidate of candidates) {
      try {
        await expectState(machine, { ...expected, [name]: candidate });
        await machine.succeed(`flock -n /run/quantix/network/${name}/lock true`);
        return candidate;
      } catch (error) {
        reason = error;
      }
    }
    throw reason;
  });
}

for (let seed = 1; seed <= FAILING_WALKS; seed++) {
  test(`whatever fails on the way, each interface has its previous or its new configuration (walk ${seed})`, async () => {
    await using story = await begin(seed % 2 === 0 ? 'ash' : 'dash');
    const { machine, lan, other } = story;
    await machine.succeed('mount -o remount,size=64k /quantix');
    await Promise.all([lan.serveDhcp(), other.serveDhcp()]);
    await machine.succeed('mv /usr/lib/quantix/dhcp-hook /usr/lib/quantix/real-hook');
    await machine.write('/usr/lib/quantix/dhcp-hook', CUT_HOOK);
    await machine.succeed('chmod 755 /usr/lib/quantix/dhcp-hook');
    startWatch(machine);
    const expected: Record<string, Expected> = { eth0: dhcp(lan), eth1: dhcp(other) };
    await settle(story, expected, ['eth0', [dhcp(lan)]]);
    const random = randomNumbers(1_000 + seed);
    const kinds = Object.keys(FAILING);
    const walked: string[] = [];
    for (let count = 0; count < FAILING_STEPS; count++) {
      const [name, wire] = random() < 0.5 ? (['eth0', lan] as const) : (['eth1', other] as const);
      // All kinds are used in turn; each walk continues where the previous one ended.
      const kind = kinds[(((seed - 1) * FAILING_STEPS + count) * 5) % kinds.length] ?? 'apply';
      walked.push(`${name}: ${kind}`);
      try {
        const before = expected[name] ?? dhcp(wire);
        const candidates = await FAILING[kind]!({ machine, name, lan: wire, random, before });
        expected[name] = await settle(story, expected, [name, candidates]);
      } catch (error) {
        throw new Error(`walk ${seed} failed after ${walked.join(', ')}`, { cause: error });
      }
    }
  });
}
