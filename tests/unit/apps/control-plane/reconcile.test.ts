import fc from 'fast-check';
import { expect, test } from 'vitest';
import type {
  PowerState,
  ReportedVm,
  VmChanges,
  VmReport,
} from '../../../../apps/control-plane/reconciliation/reconcile.ts';
import { defined, reported, run, take, type World } from '../../../control-plane/vm-world.ts';

const NODES = ['a', 'b', 'c'] as const;
const IDS = [1, 2, 3].map((number) => `${number}1111111-1111-8111-8111-111111111111`);

const states = fc.constantFrom<PowerState>('RUNNING', 'PAUSED', 'SHUT_OFF', 'CRASHED');
const vm = fc.record({
  id: fc.constantFrom(...IDS),
  powerState: states,
  name: fc.constantFrom('x', 'y'),
});
const list = fc
  .uniqueArray(vm, { maxLength: 3, selector: ({ id }) => id })
  .map((all) => all.map(({ id, powerState, name }) => reported(id, powerState, name)));
const of = (nodeId: fc.Arbitrary<string>): fc.Arbitrary<VmReport> =>
  fc
    .oneof(
      list.map((present) => ({ present, isComplete: true, absent: [] as string[] })),
      vm.map(({ id, powerState }) => ({
        ...{ present: [reported(id, powerState)], isComplete: false, absent: [] as string[] },
      })),
      fc.constantFrom(...IDS).map((id) => ({ present: [], isComplete: false, absent: [id] })),
    )
    .chain((report) => nodeId.map((node) => ({ ...report, nodeId: node })));
const anyReport = of(fc.constantFrom(...NODES));

/** Applies reports to two managed machines that no host has reported yet. */
const world = fc
  .array(anyReport, { maxLength: 8 })
  .map((reports) => run(defined(IDS.slice(0, 2)), reports));

const NOTHING: VmChanges = {
  ...{ claimed: [], changed: [], unclaimed: [], discovered: [], placed: [], unknown: [], lost: [] },
  ...{ removed: [], conflicts: [], settled: [], rejected: [] },
};

const check = (...property: Parameters<typeof fc.property>) =>
  fc.assert(fc.property(...property), { numRuns: 500 });

test('applying a report twice changes nothing', () => {
  check(world, anyReport, (before, report) => {
    const { world: after } = take(before as World, report as VmReport);
    expect(take(after, report as VmReport).changes).toEqual(NOTHING);
  });
});

test('a report changes neither the name of a machine nor whether it is managed', () => {
  check(world, anyReport, (before, report) => {
    const { vms } = before as World;
    for (const [id, after] of take(before as World, report as VmReport).world.vms) {
      const { name, isManaged } = vms.get(id) ?? after;
      expect(after).toMatchObject({ name, isManaged });
    }
  });
});

test('a machine that is absent from an incomplete list is not lost', () => {
  check(world, list, (before, present) => {
    const report = { nodeId: 'a', isComplete: false, absent: [], present: present as ReportedVm[] };
    const { changes } = take(before as World, report);
    expect(changes).toMatchObject({ lost: [], removed: [], unclaimed: [] });
    const told = new Set(report.present.map(({ id }) => id));
    for (const { id } of changes.placed) expect(told).toContain(id);
  });
});

test('a managed machine is lost only if it is missing from the complete list of its node, and no other node has it', () => {
  check(world, anyReport, (before, one) => {
    const report = one as VmReport;
    const { vms } = before as World;
    const { changes, world: after } = take(before as World, report);
    for (const id of changes.lost) {
      expect(report).toMatchObject({ isComplete: true });
      expect(vms.get(id)).toMatchObject({ isManaged: true, nodeId: report.nodeId });
      expect([...after.claims.values()].some((own) => own.has(id))).toBe(false);
    }
    for (const id of changes.removed) expect(vms.get(id)).toMatchObject({ isManaged: false });
  });
});

test('a machine that moves ends up on the other host, in either order of the reports, and is not lost', () => {
  check(world, fc.constantFrom(...IDS), fc.boolean(), states, (before, id, goneFirst, state) => {
    const own = reported(id as string, state as PowerState);
    const alone = NODES.map((nodeId) => ({ nodeId, isComplete: true, absent: [], present: [] }));
    const here = { nodeId: 'a', isComplete: true, absent: [], present: [own] };
    const there = { ...here, nodeId: 'b' };
    const gone = { ...here, present: [] };
    const moved = run(before as World, [
      ...alone,
      here,
      ...(goneFirst ? [gone, there] : [there, gone]),
    ]);
    const [found] = [moved.vms.get(id as string)];
    expect(found).toMatchObject({ nodeId: 'b', powerState: state, isLost: false, conflict: [] });
    expect(take(moved, gone).changes).toEqual(NOTHING);
  });
});

test('a full state has the same result, whatever the agent sent before', () => {
  check(world, fc.array(of(fc.constant('a')), { maxLength: 6 }), list, (before, sent, present) => {
    const last = { nodeId: 'a', isComplete: true, absent: [], present: present as ReportedVm[] };
    const earlier = sent as VmReport[];
    const long = run(before as World, [...earlier, last]);
    const short = run(before as World, [last]);
    expect(long.claims).toEqual(short.claims);
    for (const id of IDS) {
      const [one, other] = [long.vms.get(id), short.vms.get(id)];
      expect(one === undefined).toBe(other === undefined);
      if (one === undefined || other === undefined) continue;
      const claims = [...long.claims].flatMap(([nodeId, own]) => {
        const powerState = own.get(id)?.powerState;
        return powerState === undefined ? [] : [{ nodeId, powerState }];
      });
      expect(one.conflict).toEqual(other.conflict);
      const was = (before as World).vms.get(id);
      if (claims.length > 1) {
        // If several hosts have equal claims on a machine, its present node keeps it.
        const running = claims.filter(({ powerState }) => powerState === 'RUNNING');
        const best = running.length > 0 ? running : claims;
        for (const { nodeId, powerState, isLost } of [one, other]) {
          expect(best).toContainEqual({ nodeId, powerState });
          expect(isLost).toBe(false);
        }
      } else if (claims.length === 1) {
        for (const found of [one, other]) {
          expect(found).toMatchObject({ ...claims[0], isLost: false });
        }
      } else {
        // No host has this managed machine: it is lost if this host ever had it.
        const had = was?.nodeId === 'a' && was.wasSeen;
        const isShown = earlier.some((report) => report.present.some((vm) => vm.id === id));
        const lost = { nodeId: 'a', powerState: 'UNKNOWN', isLost: true };
        expect(one).toMatchObject(had || isShown ? lost : { ...was });
        expect(other).toMatchObject(had ? lost : { ...was });
      }
    }
  });
});

test('malformed machines are named, and all others are accepted', () => {
  const bad = fc.constantFrom(
    '',
    'x',
    IDS[0]!.replace('1', 'G'),
    '00000000-0000-0000-0000-000000000000',
  );
  check(world, list, bad, (before, present, id) => {
    const wrong = reported(id as string, 'RUNNING');
    const report = { nodeId: 'a', isComplete: true, absent: [], present: present as ReportedVm[] };
    const alone = take(before as World, report).changes;
    const both = take(before as World, { ...report, present: [wrong, ...report.present] }).changes;
    expect(both).toMatchObject({ ...alone, rejected: [id], claimed: [wrong, ...alone.claimed] });
  });
});

test('a machine that several hosts run is a conflict, and stays on its host', () => {
  check(world, anyReport, (before, one) => {
    const { world: after } = take(before as World, one as VmReport);
    for (const [id, { nodeId, conflict }] of after.vms) {
      const runs = [...after.claims].filter(([, own]) => own.get(id)?.powerState === 'RUNNING');
      const nodes = runs.map(([node]) => node).sort();
      expect(conflict).toEqual(nodes.length > 1 ? nodes : []);
      const was = (before as World).vms.get(id)?.nodeId ?? null;
      if (was !== null && nodes.includes(was)) expect(nodeId).toBe(was);
      else if (nodes.length > 0) expect(nodes).toContain(nodeId);
    }
  });
});

test('the stored machines of a node are exactly those that it reports, with the same fields', () => {
  check(world, list, (before, present) => {
    const report = { nodeId: 'a', isComplete: true, absent: [], present: present as ReportedVm[] };
    const own = take(before as World, report).world.claims.get('a');
    expect(own).toEqual(new Map(report.present.map((one) => [one.id, one])));
  });
});
