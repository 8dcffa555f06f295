import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type Election,
  NotLeaderError,
  startElection,
} from '../../../../../../apps/control-plane/coordination/election.ts';
import { ELECTION_TIMES } from '../../../../../../apps/control-plane/coordination/election-times.ts';
import { ControlPlaneError } from '../../../../../../apps/control-plane/error.ts';
import type { Logger } from '../../../../../../apps/log/logger.ts';
import { type Fate, SimulatedEtcd, SimulatedPostgresql, Ways } from './services.ts';
import { Program, World } from './world.ts';

const ignore = () => undefined;
const SILENT: Logger = { error: ignore, warning: ignore, info: ignore, debug: ignore };

interface Candidate {
  readonly program: Program;
  readonly election: Election;
  /** Ends the candidate. */
  readonly ending: AbortController;
}

/** Programs that want to lead, and both services. */
function stage({ rates, fates }: { rates: readonly number[]; fates: readonly Fate[] }) {
  const world = new World();
  const ways = new Ways(world, fates);
  const etcd = new SimulatedEtcd(world, ways);
  const postgresql = new SimulatedPostgresql(ways);
  const candidates = rates.map((rate, index): Candidate => {
    const program = new Program(world, rate);
    const ending = new AbortController();
    const election = startElection({
      name: `program ${index}`,
      key: etcd.keyFor(program),
      fence: postgresql.fenceFor(program),
      clock: program.clock,
      times: ELECTION_TIMES,
      log: SILENT,
      signal: ending.signal,
    });
    return { program, election, ending };
  });
  const leaders = () =>
    candidates.filter(
      ({ program, election }) =>
        program.pausedUntil <= world.now && election.standing().role === 'leader',
    );
  /** Writes as the leader. @returns whether the program was the leader and the write succeeded */
  const write = async (
    { program, election }: Candidate,
    how: 'asLeader' | 'untilOvertaken' = 'asLeader',
  ): Promise<boolean> => {
    try {
      await election[how]((epoch) => postgresql.write(program, epoch));
      return true;
    } catch (error) {
      if (error instanceof ControlPlaneError) return false;
      throw error;
    }
  };
  return { world, ways, etcd, postgresql, candidates, leaders, write };
}

type Stage = ReturnType<typeof stage>;

const STEADY = { rates: [1, 1], fates: [] };

/** Returns the only leader. */
function onlyLeader({ leaders }: Stage): Candidate {
  const [leader, ...more] = leaders();
  if (leader === undefined || more.length > 0) throw new Error(`${more.length} too many, or none`);
  return leader;
}

test('a lease lasts 15 s and is renewed every 5 s; a leader that cannot renew it steps down after 10 s', () => {
  expect(ELECTION_TIMES).toEqual({ lease: 15_000, renewEvery: 5_000, stepDownAfter: 10_000 });
});

test('one program leads, and the others know which one', async () => {
  const set = stage(STEADY);
  await set.world.runUntil(1_000, ignore);
  const leader = onlyLeader(set);
  const [follower] = set.candidates.filter((one) => one !== leader);
  const name = `program ${set.candidates.indexOf(leader)}`;
  expect(follower?.election.standing()).toMatchObject({ role: 'follower', leader: name });
  await expect(follower?.election.asLeader(async () => undefined)).rejects.toThrow(NotLeaderError);
  await set.world.runUntil(120_000, ignore);
  expect(onlyLeader(set)).toBe(leader);
  expect(leader.election.standing().age).toBeGreaterThan(118_000);
  expect(leader.election.standing().confirmedAgo).toBeLessThanOrEqual(5_000);
});

test('when a leader ends on request, another program leads at once', async () => {
  const set = stage(STEADY);
  await set.world.runUntil(1_000, ignore);
  const leader = onlyLeader(set);
  leader.ending.abort();
  await set.world.runUntil(1_100, ignore);
  expect(onlyLeader(set)).not.toBe(leader);
  await leader.election.ended;
});

test('if etcd has compacted the changes away, followers read the key themselves', async () => {
  const set = stage(STEADY);
  set.etcd.forgetChanges();
  await set.world.runUntil(1_000, ignore);
  const leader = onlyLeader(set);
  leader.ending.abort();
  await set.world.runUntil(1_000 + ELECTION_TIMES.renewEvery, ignore);
  expect(onlyLeader(set)).not.toBe(leader);
  await leader.election.ended;
});

test('a leader that was paused no longer leads when it resumes, and its unfinished write is refused', async () => {
  const set = stage(STEADY);
  await set.world.runUntil(1_000, ignore);
  const first = onlyLeader(set);
  const { epoch } = set.postgresql;
  first.program.pausedUntil = 61_000;
  await set.world.runUntil(30_000, ignore);
  const second = onlyLeader(set);
  expect(second).not.toBe(first);
  expect(set.postgresql.epoch).toBeGreaterThan(epoch);
  // Stops a millisecond earlier: timers that are due at 61,000 may run before or after the end of the pause.
  await set.world.runUntil(60_999, ignore);
  expect(first.election.standing().role).toBe('unknown');
  first.program.pausedUntil = 0;
  const late = set.postgresql.write(first.program, epoch);
  const refused = expect(late).rejects.toThrow(`this program led with epoch ${epoch}`);
  await set.world.runUntil(70_000, ignore);
  await refused;
  expect(first.election.standing().role).toBe('follower');
  expect(onlyLeader(set)).toBe(second);
});

test('a leader whose write finds a newer leader steps down at once', async () => {
  const set = stage({ rates: [1], fates: [] });
  await set.world.runUntil(1_000, ignore);
  const leader = onlyLeader(set);
  // A program records itself as the leader without the key, as after a pause between taking the key and recording.
  const entered = set.postgresql.fenceFor(leader.program).enter({ epoch: 0, holder: 'late' });
  await set.world.runUntil(1_010, ignore);
  const epoch = await entered;
  const writing = expect(
    leader.election.asLeader((own) => set.postgresql.write(leader.program, own)),
  ).rejects.toThrow(`late leads with epoch ${epoch}`);
  await set.world.runUntil(1_020, ignore);
  await writing;
  expect(leader.election.standing().role).not.toBe('leader');
  await set.world.runUntil(5_000, ignore);
  expect(onlyLeader(set)).toBe(leader);
  expect(set.postgresql.epoch).toBe(epoch + 1);
});

test('without etcd nobody leads after 10 s; when etcd is back, without its data, a leader is elected again', async () => {
  const set = stage(STEADY);
  await set.world.runUntil(1_000, ignore);
  set.etcd.stop();
  await set.world.runUntil(1_000 + ELECTION_TIMES.stepDownAfter, ignore);
  for (const { election } of set.candidates) {
    expect(election.standing()).toMatchObject({ role: 'unknown' });
  }
  const { epoch } = set.postgresql;
  set.etcd.empty();
  set.etcd.start();
  await set.world.runUntil(15_000, ignore);
  expect(onlyLeader(set).election.standing()).toMatchObject({ role: 'leader', epoch: epoch + 1 });
});

test('without etcd the last leader can still write to the database, and no other program can', async () => {
  const set = stage(STEADY);
  await set.world.runUntil(1_000, ignore);
  const leader = onlyLeader(set);
  const follower = set.candidates.find((one) => one !== leader)!;
  set.etcd.stop();
  await set.world.runUntil(60_000, ignore);
  const writing = [
    set.write(leader),
    set.write(leader, 'untilOvertaken'),
    set.write(follower, 'untilOvertaken'),
  ];
  await set.world.runUntil(60_010, ignore);
  expect(await Promise.all(writing)).toEqual([false, true, false]);
  const entered = set.postgresql.fenceFor(follower.program).enter({ epoch: 0, holder: 'other' });
  await set.world.runUntil(60_020, ignore);
  await entered;
  const late = [1, 2].map(() => set.write(leader, 'untilOvertaken'));
  await set.world.runUntil(60_030, ignore);
  expect(await Promise.all(late)).toEqual([false, false]);
});

test('a leader whose lease etcd lost is elected again', async () => {
  const set = stage({ rates: [1], fates: [] });
  await set.world.runUntil(1_000, ignore);
  const { epoch } = set.postgresql;
  set.etcd.empty();
  await set.world.runUntil(1_000 + ELECTION_TIMES.renewEvery + 2_000, ignore);
  const standing = { role: 'leader', epoch: epoch + 1 };
  expect(onlyLeader(set).election.standing()).toMatchObject(standing);
});

/** Milliseconds with faults: long enough for all kinds of faults to overlap. */
const FAULTY = 150_000;
const LONGEST_PAUSE = 60_000;

/** Milliseconds without faults at the end. */
const CALM = 60_000;

const moment = fc.integer({ min: 0, max: FAULTY });
const delay = fc.oneof(
  { weight: 3, arbitrary: fc.constant(1) },
  fc.integer({ min: 0, max: 20_000 }),
);
const fate = fc.record({
  there: delay,
  back: delay,
  lost: fc.constantFrom('nothing', 'nothing', 'nothing', 'request', 'answer'),
});
const chaos = fc.record({
  // Clocks may be wrong by 10 %, which is far more than real clocks.
  rates: fc.array(fc.double({ min: 0.9, max: 1.1, noNaN: true }), { minLength: 2, maxLength: 3 }),
  fates: fc.array(fate, { maxLength: 80 }),
  pauses: fc.array(fc.tuple(fc.nat(2), moment, fc.integer({ min: 0, max: LONGEST_PAUSE })), {
    maxLength: 6,
  }),
  outages: fc.array(fc.tuple(moment, fc.integer({ min: 0, max: 30_000 })), { maxLength: 3 }),
  writes: fc.array(
    fc.tuple(fc.nat(2), moment, fc.constantFrom('asLeader' as const, 'untilOvertaken' as const)),
    { maxLength: 30 },
  ),
});
const losses = fc.array(moment, { maxLength: 3 });

/** Failures are not shrunk, which takes minutes; a developer can do this with the printed seed and path. */
const RUNS = { numRuns: 50, endOnFailure: true };

/** Simulates all faults and writes. @param look called after each event */
async function simulateFaults(
  { rates, fates, pauses, outages, writes }: typeof chaos extends fc.Arbitrary<infer T> ? T : never,
  emptied: readonly number[],
  look: (set: Stage) => void,
): Promise<Stage> {
  const set = stage({ rates, fates });
  const { world, ways, etcd, candidates } = set;
  for (const [index, at, length] of pauses) {
    const program = candidates[index % candidates.length]?.program;
    world.at(at, () => {
      if (program !== undefined) program.pausedUntil = Math.max(program.pausedUntil, at + length);
    });
  }
  for (const [at, length] of outages) {
    world.at(at, () => etcd.stop());
    world.at(at + length, () => etcd.start());
  }
  for (const at of emptied) world.at(at, () => etcd.empty());
  for (const [index, at, how] of writes) {
    const candidate = candidates[index % candidates.length];
    if (candidate === undefined) continue;
    world.at(at, () => void set.write(candidate, how), candidate.program);
  }
  world.at(FAULTY, () => ways.calm());
  await world.runUntil(FAULTY + LONGEST_PAUSE + CALM, () => look(set));
  return set;
}

/** Checks the accepted writes: epochs never decrease, and each belongs to one program. */
function checkWritten({ postgresql: { written } }: Stage): void {
  const writers = new Map<number, Program>();
  let last = 0;
  for (const { epoch, program } of written) {
    expect(epoch).toBeGreaterThanOrEqual(last);
    expect(writers.get(epoch) ?? program).toBe(program);
    writers.set(epoch, program);
    last = epoch;
  }
}

/** Checks that a minute after the last fault, there is one leader, and its writes are accepted. */
async function checkRecovery(set: Stage): Promise<void> {
  const leader = onlyLeader(set);
  const writing = set.write(leader);
  await set.world.runUntil(set.world.now + 10, ignore);
  expect(await writing).toBe(true);
  for (const { ending } of set.candidates) ending.abort();
  await set.world.runUntil(set.world.now + 5_000, ignore);
  await Promise.all(set.candidates.map(({ election }) => election.ended));
}

test('with any delays, losses, pauses and outages two never lead at once, and in the end one leads', async () => {
  await fc.assert(
    fc.asyncProperty(chaos, async (trouble) => {
      const set = await simulateFaults(trouble, [], ({ leaders }) => {
        expect(leaders().length).toBeLessThanOrEqual(1);
      });
      checkWritten(set);
      await checkRecovery(set);
    }),
    RUNS,
  );
});

test('if etcd loses its leases two may believe that they lead, but only the newer one can write', async () => {
  await fc.assert(
    fc.asyncProperty(chaos, losses, async (trouble, emptied) => {
      const set = await simulateFaults(trouble, emptied, ignore);
      checkWritten(set);
      await checkRecovery(set);
    }),
    RUNS,
  );
});
