import type { Lan } from './world/lan.ts';
import type { Machine } from './world/machine.ts';
import { begin, type Expected, expectInvariant, goDhcp, goStatic } from './world/story.ts';
import { test } from './world/test.ts';

const WALKS = 50;
const STEPS = 3;
/** Walks that one machine goes, one after the other: what an earlier one left is the next one's start. */
const WALKS_OF_A_MACHINE = 5;

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
  test(`any sequence of changes of two interfaces leaves what the last ones said (walks ${first} to ${first + WALKS_OF_A_MACHINE - 1})`, async () => {
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
