import { describe, expect, test } from 'vitest';
import {
  type Answers,
  beginTrial,
  countStart,
  judgeTrial,
  type Moment,
  TRIES,
  takeBack,
  undo,
} from '../../../../../apps/agent/deployment/decide.ts';
import { type Deployed, makeEmptyRecord } from '../../../../../apps/agent/deployment/record.ts';
import type { Health } from '../../../../../apps/api/health.ts';
import { Random } from '../../../../fuzz/random.ts';
import { BUILD } from './host.ts';

const agent = (serial: number, floor = 0): Deployed => ({
  id: serial.toString(16).padStart(64, '0'),
  version: `0.${serial}.0`,
  serial,
  floor,
  since: '2026-11-28T09:00:00.000Z',
});

const moment = (uptime: number, boot = 'boot-1'): Moment => ({
  boot,
  uptime,
  now: '2026-11-28T09:00:00.000Z',
});

/** Returns an agent's answers. */
function told(id: string | null, runningFor: number, health: Partial<Health> = {}): Answers {
  return {
    agent: { version: '1', pid: 1, runningFor, id, deployment: null },
    health: {
      ok: true,
      version: '1',
      managementAddress: null,
      controlPlane: { state: 'connected', address: null, problem: null },
      dataDisk: { persistent: true, problem: null },
      maintenance: { on: false, reason: null, since: null },
      deployment: null,
      problems: [],
      ...health,
    },
  };
}

const unreachable = {
  controlPlane: { state: 'unreachable', address: null, problem: null },
} as const;

describe('an agent on trial', () => {
  const before = { connected: true, problems: 1 };
  const record = beginTrial(makeEmptyRecord(BUILD), agent(2, 2), {
    within: 80,
    before,
    moment: moment(100),
  });
  const { id } = agent(2);

  test.each<[string, Answers, string | undefined]>([
    ['does not answer', { silent: 'nothing listens' }, 'nothing listens'],
    ['is not the one that answers', told(null, 1000), 'another agent answers, qx-node 1'],
    ['has lost the control plane', told(id, 20, unreachable), 'does not reach the control plane'],
    ['has more problems', told(id, 20, { problems: ['a', 'b'] }), 'a; b'],
    ['has as many problems as the one before', told(id, 20, { problems: ['c'] }), undefined],
    ['has only just begun', told(id, 9), 'it has run for 9 s so far'],
    ['is well', told(id, 10), undefined],
  ])('that %s is confirmed or taken back', (_, answers, why) => {
    const judged = judgeTrial(record, answers, moment(150));
    if (why === undefined) {
      expect(judged.waits).toBeUndefined();
      expect(judged.record).toMatchObject({ trial: null, active: { id }, floor: 2 });
    } else {
      expect(judged.waits).toContain(why);
      expect(judged.record).toBe(record);
      const late = judgeTrial(record, answers, moment(181)).record;
      expect(late).toMatchObject({ active: null, trial: null, floor: 0 });
      expect(late.takenBack?.reason).toContain(`it was not ready within 80 s: `);
    }
  });

  test('gets its full time again after a reboot, but no additional starts', () => {
    const later = countStart(record, [], moment(5, 'boot-2'));
    expect(later.trial).toMatchObject({ left: TRIES - 1, boot: 'boot-2', start: 5 });
    expect(countStart(record, [], moment(181)).active).toBeNull();
  });

  test('only has to answer if the previous agent did not answer', () => {
    const blind = { ...record, trial: record.trial && { ...record.trial, before: null } };
    const judged = judgeTrial(
      blind,
      told(id, 20, { ...unreachable, problems: ['a'] }),
      moment(150),
    );
    expect(judged.waits).toBeUndefined();
  });
});

test('after any order of deployments, starts, verdicts and power cuts, the running agent is confirmed or its starts are counted', () => {
  for (let seed = 0; seed < 3000; seed += 1) {
    const random = new Random(seed);
    const well = new Set<string>();
    let record = makeEmptyRecord(BUILD);
    let [uptime, boot, serial, floor] = [0, 0, 0, 0];
    let starts: number[] = [];
    let running: string | null = null;
    let startsOnTrial = 0;
    const now = () => moment(uptime, `boot-${boot}`);
    for (let step = 0; step < 40; step += 1) {
      const { active } = record;
      uptime += random.below(60);
      switch (random.below(6)) {
        case 0:
          if (record.trial === null) {
            serial += 1;
            const one = agent(serial, random.below(serial + 1));
            if (random.below(2) === 0) well.add(one.id);
            record = beginTrial(record, one, { within: 100, before: null, moment: now() });
            [starts, startsOnTrial] = [[], 0];
          }
          break;
        case 1:
        case 2:
          record = countStart(record, starts, now());
          running = record.active?.id ?? null;
          starts = active?.id === running ? [...starts, uptime] : [uptime];
          if (record.trial !== null) startsOnTrial += 1;
          break;
        case 3: {
          const isWell = running !== null && well.has(running);
          const answers: Answers = isWell ? told(running, 60) : { silent: 'no answer' };
          record = judgeTrial(record, answers, now()).record;
          break;
        }
        case 4:
          [boot, uptime, starts, running] = [boot + 1, 0, [], null];
          break;
        default:
          record = random.pick([record, record, undo(record), takeBack(record, 'damaged', now())]);
      }
      // The confirmed agent and the one to go back to were healthy at some time.
      const sure = [record.previous, record.trial === null ? record.active : null];
      const broken = [
        sure.some((one) => one !== null && !well.has(one.id)) &&
          'an agent is trusted that was not well',
        startsOnTrial > TRIES && 'it was started too often',
        record.floor < floor && 'the floor went down',
        record.trial !== null && record.active === null && 'nothing is on trial',
      ].filter((one) => one !== false);
      if (broken.length > 0) throw new Error(`seed ${seed}, step ${step}: ${broken.join(', ')}`);
      floor = record.floor;
    }
    // Without further events, the trial ends.
    for (let start = 0; record.trial !== null && start <= TRIES; start += 1) {
      record = countStart(record, [], moment(0, `end-${start}`));
    }
    if (record.trial !== null) throw new Error(`seed ${seed}: the trial does not end`);
  }
});
