import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Answer, answerFor } from '../../../../apps/installer/answer.ts';
import { planText } from '../../../../apps/installer/describe.ts';
import type { DiskFacts, MachineFacts } from '../../../../apps/installer/facts.ts';
import { determineProof, type InstallPlan, planInstall } from '../../../../apps/installer/plan.ts';
import { planLayout } from '../../../../build/disk/plan-layout.ts';
import { SYSTEMS } from './dirty.ts';
import { counting, disk, GIB, MIB, machineWith } from './machines.ts';

/** A disk with an installation of this product. */
function installed(changes: Partial<DiskFacts> = {}, prefix = 'QUANTIX'): DiskFacts {
  const empty = disk(changes);
  const layout = planLayout({
    bytes: empty.bytes,
    sectorSize: empty.sectorSize,
    labelPrefix: prefix,
    imageBytes: 250 * MIB,
    data: 'rest',
    bios: true,
    newGuid: counting(),
  });
  return disk({
    guid: layout.guid,
    partitions: layout.partitions.map(({ role: _, ...partition }) => partition),
    contents: [
      { name: 'GPT', offset: empty.sectorSize },
      ...layout.partitions
        .filter(({ role }) => role === 'configuration' || role === 'data')
        .map(({ offset }) => ({ name: 'ext', offset: offset + 1080 })),
    ],
    ...changes,
  });
}

function expectPlan(machine: MachineFacts, answer: Answer): InstallPlan {
  const planned = planInstall(machine, answer, counting());
  if ('plan' in planned) return planned.plan;
  throw new Error(planned.reasons.join('\n'));
}

function expectReasons(machine: MachineFacts, answer: Answer): string {
  const planned = planInstall(machine, answer, counting());
  if ('reasons' in planned) return planned.reasons.join('\n');
  throw new Error(`${planned.plan.disk.path} was taken`);
}

const bySerial = (serial: string, changes: Partial<Answer> = {}): Answer => ({
  ...answerFor({ serial, pick: 'one' }),
  ...changes,
});

describe('a disk is chosen', () => {
  test('by its serial number, if exactly one has it and nothing is on it', () => {
    const other = disk({ path: '/dev/sdb', serial: 'B', wwn: null });
    const plan = expectPlan(machineWith([other, disk()]), bySerial('S45PNA0M500001'));
    expect(plan.disk.path).toBe('/dev/sda');
    expect(plan.kind).toBe('install');
    expect(plan.layout.partitions.map(({ name }) => name)).toEqual(
      ['BIOS', 'EFI', 'A', 'B', 'CFG', 'DATA'].map((name) => `QUANTIX-${name}`),
    );
  });

  test.each([
    [{ wwn: '0x5002538e40000001' }],
    [{ wwn: 'NAA.5002538E40000001' }],
    [{ path: '/dev/sda' }],
    [{ model: 'samsung*' }],
    [{ model: '*MZ7*480' }],
    [{ model: 'SAMSUNG MZ7LH480', 'min-size': 400 * GIB }],
  ])('by %j', (choice) => {
    const other = disk({ path: '/dev/sdb', serial: 'B', wwn: null, model: 'QEMU HARDDISK' });
    const answer = answerFor({ ...choice, pick: 'one' });
    expect(expectPlan(machineWith([disk(), other]), answer).disk.path).toBe('/dev/sda');
  });

  test('as the smallest of several, unless two are equally small', () => {
    const disks = [
      disk({ path: '/dev/sda', serial: '1', wwn: null }),
      disk({ path: '/dev/sdb', serial: '2', wwn: null, bytes: 240 * GIB }),
    ];
    const answer = answerFor({ model: '*', pick: 'smallest' });
    expect(expectPlan(machineWith(disks), answer).disk.path).toBe('/dev/sdb');
    const equal = disks.map((one) => ({ ...one, bytes: 240 * GIB }));
    expect(expectReasons(machineWith(equal), answer)).toMatch(/several disks are as small/);
    const one = answerFor({ model: '*', pick: 'one' });
    expect(expectReasons(machineWith(disks), one)).toMatch(
      /2 disks are model \*: .*serial 2.*serial 1/,
    );
  });

  test('without a BIOS boot loader if no BIOS can boot from it', () => {
    const large = disk({ sectorSize: 4096 });
    const { layout } = expectPlan(machineWith([large]), bySerial('S45PNA0M500001'));
    expect(layout.partitions.map(({ role }) => role)).not.toContain('bios');
    expect(layout.sectorSize).toBe(4096);
    const bios = machineWith([large], { firmware: 'bios' });
    expect(expectReasons(bios, bySerial('S45PNA0M500001'))).toMatch(/BIOS cannot start from/);
  });
});

describe('a disk is refused', () => {
  test.each<[Partial<DiskFacts>, RegExp]>([
    [{ isMedium: true }, /sda .* is the medium that this system was started from/],
    [{ readOnly: true }, /is read-only/],
    [{ uses: ['mounted at /data'] }, /is in use: mounted at \/data/],
    [{ bytes: 2 * GIB }, /the disk has 2,048 MiB, and [\d,]+ MiB more are needed/],
    [
      { serial: 'other' },
      /no disk is serial S45PNA0M500001; there are: \/dev\/sda \(serial other\)/,
    ],
  ])('with the properties %j', (changes, reason) => {
    expect(expectReasons(machineWith([disk(changes)]), bySerial('S45PNA0M500001'))).toMatch(reason);
  });

  test('that is reached by several paths, unless the answer names its WWN', () => {
    const paths = machineWith([disk(), disk({ path: '/dev/sdb' })]);
    const reason = /one disk is reached by several paths \(\/dev\/sda, \/dev\/sdb\)/;
    expect(expectReasons(paths, bySerial('S45PNA0M500001'))).toMatch(reason);
    expect(expectReasons(paths, answerFor({ path: '/dev/sdb', pick: 'one' }))).toMatch(reason);
    const plan = expectPlan(paths, answerFor({ wwn: 'naa.5002538e40000001', pick: 'one' }));
    expect(plan.remarks.join()).toMatch(/several paths/);
  });

  test('for all reasons at once', () => {
    const bad = disk({ readOnly: true, bytes: GIB, contents: [{ name: 'ZFS', offset: 0 }] });
    const reasons = expectReasons(machineWith([bad]), bySerial('S45PNA0M500001'));
    expect(reasons.split('\n')).toHaveLength(3);
  });
});

describe('an installation', () => {
  test('warns that an unmounted configuration is not carried over, unless none is to be', () => {
    const why = 'several file systems are QUANTIX-CFG (/dev/sdb1 /dev/sdc1)';
    const machine = machineWith([disk()], { unmountedConfiguration: why });
    const answer = bySerial('S45PNA0M500001');
    const warning = `Of the stored configuration nothing is carried over: ${why}.`;
    const plan = expectPlan(machine, answer);
    expect(plan.warnings).toEqual([warning]);
    expect(planText(plan)).toContain(`Warning: ${warning}`);
    expect(expectPlan(machine, { ...answer, 'carry-over': false }).warnings).toEqual([]);
    expect(expectPlan({ ...machine, disks: [installed()] }, answer).warnings).toEqual([]);
    expect(expectPlan(machineWith([disk()]), answer).warnings).toEqual([]);
  });

  test('that exists keeps configuration and data, in their places and with their GUIDs', () => {
    const before = installed();
    const plan = expectPlan(machineWith([before]), bySerial('S45PNA0M500001'));
    expect(plan.kind).toBe('reinstall');
    expect(plan.destroys).toEqual([]);
    expect(plan.layout.guid).toBe(before.guid);
    expect(plan.layout.partitions.map(({ role: _, ...partition }) => partition)).toEqual(
      before.partitions,
    );
  });

  test('is overwritten only if its loss is allowed', () => {
    const machine = machineWith([installed()]);
    const anew = bySerial('S45PNA0M500001', { 'keep-data': false });
    expect(expectReasons(machine, anew)).toMatch(/a Quantix-OS with its configuration and data/);
    const allowed = { ...anew, erase: 'S45PNA0M500001' };
    expect(expectPlan(machine, allowed).kind).toBe('install');
  });

  test.each([
    ['neither configuration nor data', 0],
    ['configuration only', 1],
  ])('that a power cut interrupted, with file systems for %s, has nothing to keep', (_, made) => {
    const before = installed();
    const cut = { ...before, contents: before.contents.slice(0, 1 + made) };
    const answer = bySerial('S45PNA0M500001');
    expect(expectReasons(machineWith([cut]), answer)).toMatch(/installation was not finished/);
    const allowed = { ...answer, erase: 'S45PNA0M500001' };
    expect(expectPlan(machineWith([cut]), allowed).kind).toBe('install');
  });

  test('of another product counts as foreign data', () => {
    const machine = machineWith([installed({}, 'QVDC')]);
    expect(expectReasons(machine, bySerial('S45PNA0M500001'))).toMatch(
      /holds GPT, ext, which would be lost/,
    );
  });

  test('with slots that are too small for the image is not kept', () => {
    const machine = machineWith([installed()]);
    machine.image.bytes = 5 * GIB;
    expect(expectReasons(machine, bySerial('S45PNA0M500001'))).toMatch(
      /cannot be kept: a place for an image has/,
    );
  });
});

const RARELY = fc.integer({ min: 0, max: 9 }).map((number) => number === 0);

const disks = fc.record({
  serial: fc.option(fc.constantFrom('A', 'B', 'C', 'D')),
  wwn: fc.option(fc.constantFrom('naa.1', 'naa.2', 'eui.3')),
  model: fc.option(fc.constantFrom('QEMU HARDDISK', 'SAMSUNG X', 'ST1000')),
  bytes: fc.constantFrom(GIB, 8 * GIB, 9 * GIB, 40 * GIB, 4096 * GIB),
  sectorSize: fc.constantFrom(512, 512, 4096, 520),
  transport: fc.constantFrom('nvme', 'sata', 'usb', 'virtio', 'other'),
  readOnly: RARELY,
  isMedium: RARELY,
  uses: RARELY.map((used) => (used ? ['mounted at /data'] : [])),
  holders: fc.subarray(['md127', 'dm-0']),
  contents: fc
    .subarray(SYSTEMS, { maxLength: 3 })
    .map((names) => names.map((name) => ({ name, offset: 0 }))),
  before: fc.constantFrom('nothing', 'own', 'other'),
});

const machines = fc
  .record({
    firmware: fc.constantFrom('bios' as const, 'uefi' as const),
    hasBios: fc.boolean(),
    disks: fc.array(disks, { maxLength: 5 }),
  })
  .map(({ disks: all, ...machine }) =>
    machineWith(
      all.map(({ before, ...facts }, index) => {
        const named = { ...facts, path: `/dev/sd${'abcde'[index]}` } as Partial<DiskFacts>;
        if (before === 'nothing' || facts.bytes < 9 * GIB || facts.sectorSize === 520)
          return disk(named);
        const { contents: _, ...rest } = named;
        return installed(rest, before === 'own' ? 'QUANTIX' : 'QVDC');
      }),
      machine,
    ),
  );

/** Properties by which an answer selects a disk, mostly a single one; there may be no disk with them. */
const choices = fc.oneof(
  fc.constantFrom('A', 'B', 'C', 'D').map((serial) => ({ serial })),
  fc.constantFrom('naa.1', '0x1', 'eui.3').map((wwn) => ({ wwn })),
  fc.constantFrom('/dev/sda', '/dev/sdb').map((path) => ({ path })),
  fc.constantFrom('*', 'SAMSUNG*').map((model) => ({ model })),
  fc.constant({ serial: 'A', path: '/dev/sda' }),
);

const answers = fc.record({
  disk: fc.tuple(choices, fc.constantFrom('one' as const, 'smallest' as const)),
  erase: fc.constantFrom('A', 'B', 'C', 'D', '/dev/sda', undefined),
  'keep-data': fc.boolean(),
  data: fc.constantFrom('rest' as const, 'none' as const, 10 * GIB),
});

test('for thousands of random machines no plan destroys data without permission, or exceeds its disk', () => {
  let plans = 0;
  fc.assert(
    fc.property(machines, answers, (machine, { disk: [choice, pick], ...asked }) => {
      const answer: Answer = { ...answerFor({ ...choice, pick }), ...asked };
      const planned = planInstall(machine, answer, counting());
      if ('reasons' in planned) {
        expect(planned.reasons.length).toBeGreaterThan(0);
        for (const reason of planned.reasons)
          expect(reason).not.toMatch(/undefined|null|NaN|object/);
        return;
      }
      plans += 1;
      const { plan } = planned;
      const { disk: taken, layout } = plan;
      // Never the medium, a disk in use, or a disk that cannot boot here.
      expect(taken.isMedium || taken.readOnly || taken.uses.length > 0).toBe(false);
      expect(machine.firmware === 'bios' && taken.sectorSize !== 512).toBe(false);
      // A disk with data is overwritten only if the answer names its serial number or, if it has none, its path.
      const holds = taken.contents.length > 0 || taken.partitions.length > 0;
      if (holds && plan.kind === 'install') expect(answer.erase).toBe(determineProof(taken));
      if (plan.kind === 'reinstall') {
        expect(layout.partitions.map(({ role: _, ...one }) => one)).toEqual(taken.partitions);
      }
      // The disk has the properties that the answer names, and a disk with several paths is chosen only by its WWN.
      const { serial, wwn, path } = answer.disk;
      expect(serial ?? taken.serial).toBe(taken.serial);
      expect(path ?? taken.path).toBe(taken.path);
      const twins = machine.disks.filter((one) => one.wwn !== null && one.wwn === taken.wwn);
      if (twins.length > 1) expect(wwn).toBeDefined();
      // Within the disk, in order, disjoint, sector-aligned.
      let end = 2 * layout.sectorSize;
      for (const { offset, bytes } of layout.partitions) {
        expect(offset).toBeGreaterThanOrEqual(end);
        expect(offset % layout.sectorSize).toBe(0);
        end = offset + bytes;
      }
      expect(end).toBeLessThan(taken.bytes);
      expect([layout.bytes, layout.sectorSize]).toEqual([taken.bytes, taken.sectorSize]);
    }),
    { numRuns: 5000 },
  );
  expect(plans).toBeGreaterThan(100);
});
