import { describe, expect, test } from 'vitest';
import {
  type Decision,
  decideNextStep,
  fitOf,
  type MadeFor,
  type Rollout,
  type RolloutHost,
} from '../../../../../apps/control-plane/updates/decide.ts';
import { Random } from '../../../../fuzz/random.ts';

type State = RolloutHost['state'];

function host(nodeId: string, state: State = 'WAITING', changes: Partial<RolloutHost> = {}) {
  return {
    ...{ nodeId, hostname: `host-${nodeId}`, state, message: '', isHeard: true, ...MADE_FOR },
    ...changes,
  };
}

const MADE_FOR: MadeFor = { architecture: 'x86_64', base: 'alpine' };
const RUNNING: Rollout = {
  ...{ state: 'RUNNING', reason: '', percentage: 100, atOnce: 1 },
  ...MADE_FOR,
};
const hosts = (...states: State[]) => states.map((state, at) => host(String(at), state));

describe('a roll-out', () => {
  test.each<[string, Partial<Rollout>, State[], Partial<Decision>]>([
    ['begins with the first host', {}, ['WAITING', 'WAITING'], { begin: ['0'] }],
    ['waits for the host under way', {}, ['UNDER_WAY', 'WAITING'], { begin: [], state: 'RUNNING' }],
    ['goes on with the next', {}, ['DONE', 'WAITING'], { begin: ['1'] }],
    [
      'updates as many hosts at once as it may',
      { atOnce: 2 },
      ['UNDER_WAY', 'WAITING', 'WAITING'],
      { begin: ['1'] },
    ],
    ['is done after the last', {}, ['DONE', 'SKIPPED'], { begin: [], state: 'DONE' }],
    ['is done without hosts', {}, [], { state: 'DONE' }],
    ['updates at least one host', { percentage: 1 }, ['WAITING', 'WAITING'], { begin: ['0'] }],
  ])('%s', (_, rollout, states, decision) => {
    expect(decideNextStep({ ...RUNNING, ...rollout }, hosts(...states))).toMatchObject(decision);
  });

  test('pauses at the first failure, with the host and the reason', () => {
    const failed = host('1', 'FAILED', { message: 'the host went back' });
    expect(
      decideNextStep({ ...RUNNING, atOnce: 5 }, [...hosts('DONE', 'UNDER_WAY', 'WAITING'), failed]),
    ).toEqual({
      ...{ begin: [], leaveOut: [], state: 'PAUSED' },
      reason: 'host-1 failed: the host went back',
    });
  });

  test('pauses when its share of the hosts is updated', () => {
    const half = { ...RUNNING, percentage: 50 };
    expect(decideNextStep(half, hosts('DONE', 'DONE', 'WAITING', 'WAITING'))).toMatchObject({
      ...{ state: 'PAUSED', reason: '2 of 4 hosts have it, and no more may: 50 %' },
    });
    expect(decideNextStep(half, hosts('DONE', 'UNDER_WAY', 'WAITING', 'WAITING'))).toMatchObject({
      ...{ begin: [], state: 'RUNNING' },
    });
  });

  test('skips silent hosts, and is not complete without them', () => {
    const silent = host('0', 'WAITING', { isHeard: false });
    expect(decideNextStep(RUNNING, [silent, host('1')])).toMatchObject({ begin: ['1'] });
    expect(decideNextStep(RUNNING, [silent, host('1', 'DONE')])).toMatchObject({
      ...{ begin: [], state: 'RUNNING' },
    });
  });

  test('starts no host while it is paused, and keeps the reason', () => {
    const paused: Rollout = { ...RUNNING, state: 'PAUSED', reason: 'anna said so' };
    expect(decideNextStep(paused, hosts('WAITING', 'FAILED'))).toEqual({
      ...{ begin: [], leaveOut: [], state: 'PAUSED', reason: 'anna said so' },
    });
  });
});

describe('a release', () => {
  test.each([
    ['x86_64', 'alpine', { is: 'FITTING' }],
    ['arm64', 'alpine', { is: 'OTHER', why: 'it is arm64, and the release is for x86_64' }],
    ['arm64', null, { is: 'OTHER' }],
    [
      'x86_64',
      'debian',
      { is: 'OTHER', why: 'it is made from debian, and the release from alpine' },
    ],
    [null, 'debian', { is: 'OTHER' }],
    ['x86_64', null, { is: 'UNKNOWN', why: expect.stringContaining('what it is made from') }],
    [null, 'alpine', { is: 'UNKNOWN', why: expect.stringContaining('which CPU it has') }],
    [null, null, { is: 'UNKNOWN' }],
  ])(
    'for x86_64 from alpine fits a host of %s and %s, or is refused with the reason',
    (architecture, base, fit) => {
      expect(fitOf(MADE_FOR, { architecture, base })).toMatchObject(fit);
    },
  );

  test('is not offered to hosts of another base, which do not count in the share', () => {
    const fleet = [
      host('0', 'WAITING', { base: 'debian' }),
      host('1'),
      host('2', 'DONE', { base: 'debian' }),
    ];
    const leaveOut = [{ nodeId: '0', why: 'it is made from debian, and the release from alpine' }];
    expect(decideNextStep(RUNNING, fleet)).toMatchObject({ leaveOut, begin: ['1'] });
    expect(decideNextStep({ ...RUNNING, state: 'PAUSED', reason: 'r' }, fleet)).toMatchObject({
      ...{ leaveOut, begin: [], state: 'PAUSED' },
    });
    expect(decideNextStep(RUNNING, fleet.slice(0, 1))).toMatchObject({ leaveOut, state: 'DONE' });
  });

  test('is offered to hosts of unknown base last', () => {
    const fleet = [host('0', 'WAITING', { base: null }), host('1'), host('2')];
    expect(decideNextStep({ ...RUNNING, atOnce: 2 }, fleet)).toMatchObject({
      ...{ leaveOut: [], begin: ['1', '2'] },
    });
    expect(decideNextStep(RUNNING, fleet.slice(0, 1))).toMatchObject({
      leaveOut: [],
      begin: ['0'],
    });
  });
});

/** Returns a roll-out that is not done; throws if it is. */
function open(rollout: Omit<Rollout, 'state'> & { state: Decision['state'] }): Rollout {
  const { state } = rollout;
  if (state === 'DONE') throw new Error('it is done');
  return { ...rollout, state };
}

/**
 * Simulates a roll-out over a fleet with random events: hosts finish, fail, leave and become silent, and an operator
 * resumes.
 */
function play(seed: number): void {
  const random = new Random(seed);
  const atOnce = 1 + random.below(4);
  let rollout: Omit<Rollout, 'state'> & { state: Decision['state'] } = {
    ...{ state: 'RUNNING', reason: '', percentage: 1 + random.below(100), atOnce, ...MADE_FOR },
  };
  let fleet: RolloutHost[] = Array.from({ length: random.below(12) }, (_, at) => host(String(at)));
  const change = (nodeId: string, changes: Partial<RolloutHost>) => {
    fleet = fleet.map((one) => (one.nodeId === nodeId ? { ...one, ...changes } : one));
  };
  const begunEver = new Map<string, number>();
  for (let step = 0; step < 300 && rollout.state !== 'DONE'; step += 1) {
    const one = fleet[random.below(Math.max(fleet.length, 1))];
    const wants = random.below(6);
    if (one !== undefined && wants === 0) change(one.nodeId, { isHeard: !one.isHeard });
    const [base = null] = [['alpine', 'debian', null][random.below(3)]];
    if (one !== undefined && random.below(10) === 0) change(one.nodeId, { base });
    if (one?.state === 'UNDER_WAY' && wants > 1) {
      const state = random.below(8) === 0 ? 'FAILED' : 'DONE';
      change(one.nodeId, { state, message: state === 'FAILED' ? 'bad' : '' });
    }
    if (one !== undefined && one.state !== 'DONE' && random.below(60) === 0) {
      change(one.nodeId, { state: 'SKIPPED' });
    }
    if (rollout.state === 'PAUSED' && random.below(4) === 0) {
      const again = random.below(2) === 0 ? 'WAITING' : 'SKIPPED';
      for (const each of fleet) if (each.state === 'FAILED') change(each.nodeId, { state: again });
      const percentage = Math.min(100, rollout.percentage + random.below(40));
      rollout = { ...rollout, state: 'RUNNING', reason: '', percentage };
    }
    const before = fleet;
    const { begin, leaveOut, state, reason } = decideNextStep(open(rollout), fleet);
    for (const { nodeId } of leaveOut) change(nodeId, { state: 'SKIPPED' });
    const failed = before.some((each) => each.state === 'FAILED');
    // A host's update begins only if the host waits and sends heartbeats; never during a pause or after a failure.
    for (const nodeId of begin) {
      const begun = before.find((each) => each.nodeId === nodeId);
      expect(begun).toMatchObject({ state: 'WAITING', isHeard: true });
      expect(begun?.base).not.toBe('debian');
      begunEver.set(nodeId, (begunEver.get(nodeId) ?? 0) + 1);
      change(nodeId, { state: 'UNDER_WAY' });
    }
    if (failed) expect([begin, state]).toEqual([[], 'PAUSED']);
    if (rollout.state === 'PAUSED') expect(begin).toEqual([]);
    // Neither the number of hosts at the same time nor the total number exceeds its limit.
    const count = (...states: State[]) =>
      fleet.filter((each) => states.includes(each.state)).length;
    if (begin.length > 0) {
      expect(count('UNDER_WAY')).toBeLessThanOrEqual(atOnce);
      const taking = fleet.length - count('SKIPPED');
      const may = Math.ceil((taking * rollout.percentage) / 100);
      expect(count('UNDER_WAY', 'DONE', 'FAILED')).toBeLessThanOrEqual(may);
    }
    if (state === 'PAUSED') expect(reason).not.toBe('');
    if (state === 'DONE') expect(count('WAITING', 'UNDER_WAY', 'FAILED')).toBe(0);
    rollout = { ...rollout, state, reason };
  }
  // If all hosts send heartbeats, and the operator resumes each pause, the roll-out ends.
  for (let step = 0; step < 100 && rollout.state !== 'DONE'; step += 1) {
    for (const each of fleet) {
      const state =
        each.state === 'FAILED' ? 'WAITING' : each.state === 'UNDER_WAY' ? 'DONE' : each.state;
      change(each.nodeId, { isHeard: true, state });
    }
    if (rollout.state === 'PAUSED') rollout = { ...rollout, state: 'RUNNING', percentage: 100 };
    const { begin, leaveOut, state, reason } = decideNextStep(open(rollout), fleet);
    for (const { nodeId } of leaveOut) change(nodeId, { state: 'SKIPPED' });
    for (const nodeId of begin) change(nodeId, { state: 'UNDER_WAY' });
    rollout = { ...rollout, state, reason };
  }
  expect(rollout.state).toBe('DONE');
}

test('the rules of a roll-out hold for any order of events', () => {
  for (let seed = 0; seed < 2000; seed += 1) {
    try {
      play(seed);
    } catch (cause) {
      throw new Error(`seed ${seed}: ${cause instanceof Error ? cause.message : cause}`, { cause });
    }
  }
});
