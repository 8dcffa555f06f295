import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { NodePhase } from '../../../../../apps/control-plane/database/repositories/nodes.ts';
import { NodeWatch } from '../../../../../apps/control-plane/monitor/watch.ts';

const INTERVAL = 30;
const LOOK = 6;

/** A watch with the records that it decides on; times are seconds. */
class Fleet {
  readonly watch = new NodeWatch(INTERVAL);
  readonly phases = new Map<string, NodePhase>();
  isMass: boolean | undefined;
  alerts: readonly string[] = [];

  constructor(ids: readonly string[]) {
    for (const id of ids) this.phases.set(id, 'READY');
    this.watch.begin(0);
  }

  heard(now: number, ...ids: string[]) {
    for (const id of ids) {
      this.watch.heard(id, now);
      if (this.phases.get(id) === 'DISCONNECTED') this.phases.set(id, 'READY');
    }
  }

  look(now: number): readonly string[] {
    const nodes = [...this.phases].map(([id, phase]) => ({ id, phase }));
    const decisions = this.watch.look(nodes, now);
    for (const id of decisions.disconnect) this.phases.set(id, 'DISCONNECTED');
    this.isMass = decisions.isMass;
    this.alerts = decisions.alert;
    return decisions.disconnect;
  }

  /**
   * Checks every few seconds; some nodes send a message each time.
   * @returns time and id of each node that became DISCONNECTED
   */
  run(from: number, to: number, heard: readonly string[] = []): [number, string][] {
    const gone: [number, string][] = [];
    for (let now = from; now <= to; now += LOOK) {
      this.heard(now, ...heard);
      for (const id of this.look(now)) gone.push([now, id]);
    }
    return gone;
  }
}

describe('a silent node', () => {
  test('is disconnected after three intervals, with an alert until its next heartbeat', () => {
    const fleet = new Fleet(['a', 'b', 'c']);
    expect(fleet.run(0, 300, ['a', 'b'])).toEqual([[96, 'c']]);
    expect(fleet.alerts).toEqual(['c']);
    fleet.heard(301, 'c');
    expect(fleet.run(306, 306, ['a', 'b'])).toEqual([]);
    expect(fleet.alerts).toEqual([]);
  });

  test('keeps a phase that an administrator set', () => {
    const fleet = new Fleet(['a']);
    const decided: NodePhase[] = ['MAINTENANCE', 'DRAINING', 'PENDING', 'ERROR'];
    for (const phase of decided) fleet.phases.set(phase, phase);
    expect(fleet.run(0, 300, ['a'])).toEqual([]);
    expect(decided.map((phase) => fleet.phases.get(phase))).toEqual(decided);
  });
});

describe('when most go silent at once', () => {
  test('they are disconnected an interval later, without alerts for each while most are silent', () => {
    const fleet = new Fleet(['a', 'b', 'c']);
    expect(fleet.run(0, 120, ['a'])).toEqual([]);
    expect([fleet.isMass, fleet.alerts]).toEqual([true, []]);
    expect(fleet.run(126, 300, ['a'])).toEqual([
      [126, 'b'],
      [126, 'c'],
    ]);
    expect([fleet.isMass, fleet.alerts]).toEqual([true, []]);
    expect(fleet.run(306, 312, ['a', 'b'])).toEqual([]);
    expect([fleet.isMass, fleet.alerts]).toEqual([false, ['c']]);
  });

  test('none is disconnected if their heartbeats resume in time', () => {
    const fleet = new Fleet(['a', 'b']);
    expect(fleet.run(0, 120)).toEqual([]);
    expect(fleet.run(126, 400, ['a', 'b'])).toEqual([]);
    expect(fleet.isMass).toBe(false);
  });
});

test('after a pause of the program no node is disconnected before an interval has passed', () => {
  const fleet = new Fleet(['a', 'b', 'c']);
  fleet.run(0, 60, ['a', 'b', 'c']);
  expect(fleet.look(1000)).toEqual([]);
  expect(fleet.isMass).toBe(undefined);
  expect(fleet.run(1006, 1024)).toEqual([]);
  expect(fleet.run(1030, 1036, ['a', 'b'])).toEqual([[1030, 'c']]);
});

test('the rules hold for any order of silences, pauses and changes of leader', () => {
  const span = fc.record({ at: fc.nat(900), length: fc.integer({ min: 16, max: 300 }) });
  const node = fc.record({ offset: fc.nat(29), silent: fc.array(span, { maxLength: 3 }) });
  const nodes = fc.array(node, { minLength: 1, maxLength: 6 });
  const spans = fc.array(span, { maxLength: 2 });
  fc.assert(
    fc.property(nodes, spans, spans, fc.nat(1200), (all, pauses, away, departs) => {
      const within = (list: readonly { at: number; length: number }[], now: number) =>
        list.some(({ at, length }) => at <= now && now < at + length);
      const ids = all.map((_, index) => `${index}`);
      const fleet = new Fleet(ids);
      const heardAt = new Map<string, number>();
      let [began, resumed, isLeading, wasPaused] = [0, 0, true, false];
      const queue = new Set<string>();
      for (let now = 1; now < 1500; now += 1) {
        if (now === departs) fleet.phases.delete('0');
        const isPaused = within(pauses, now);
        // The worst order: after a pause, the watch decides before it receives the messages of the meantime.
        if (!isPaused && (wasPaused || now % LOOK === 0)) {
          if (wasPaused) resumed = now;
          const leads = !within(away, now);
          if (leads && !isLeading) {
            began = now;
            fleet.watch.begin(now);
          }
          isLeading = leads;
          if (leads) {
            for (const id of fleet.look(now)) {
              expect(now - Math.max(began, heardAt.get(id) ?? 0)).toBeGreaterThan(3 * INTERVAL);
              expect(now - resumed >= INTERVAL || resumed === 0).toBe(true);
            }
            for (const [id, phase] of fleet.phases) {
              const since = Math.max(began, heardAt.get(id) ?? 0);
              const isLate = now > since + 4 * INTERVAL + 2 * LOOK;
              if (isLate && now > resumed + 2 * INTERVAL + 2 * LOOK) {
                expect(phase).toBe('DISCONNECTED');
                expect(fleet.isMass === true || fleet.alerts.includes(id)).toBe(true);
              }
            }
            for (const id of fleet.alerts) expect(fleet.phases.get(id)).toBe('DISCONNECTED');
            expect(new Set(fleet.alerts).size).toBe(fleet.alerts.length);
          }
        }
        all.forEach(({ offset, silent }, index) => {
          if (now % INTERVAL === offset && !within(silent, now)) queue.add(`${index}`);
        });
        if (!isPaused) {
          for (const id of queue) {
            if (!fleet.phases.has(id)) continue;
            fleet.heard(now, id);
            heardAt.set(id, now);
          }
          queue.clear();
        }
        wasPaused = isPaused;
      }
    }),
  );
});
