import { fromBinary, toBinary } from '@bufbuild/protobuf';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatDomainXml, type Placement } from '../../../../../apps/agent/commands/domain-xml.ts';
import { TaskFailure } from '../../../../../apps/agent/commands/failure.ts';
import { checkSpec, vmSpecSchema } from '../../../../../apps/agent/commands/vm-spec.ts';
import { makeElement, writeXml } from '../../../../../apps/agent/commands/xml.ts';
import { readGeneration } from '../../../../../apps/guests/generation.ts';
import { parsePolicy } from '../../../../../apps/guests/policy.ts';
import {
  CpuModel,
  Firmware,
  type VmSpec,
  VmSpecSchema,
  VolumeFormat,
} from '../../../../../apps/proto/gen/quantix/v1/vm_spec_pb.js';
import { FULL, ID, spec } from './specs.ts';

const PLACEMENT: Placement = {
  type: 'kvm',
  arch: 'x86_64',
  volumes: [
    { path: '/data/vms/web.qcow2', isDevice: false, format: 'qcow2' },
    { path: '/dev/group/lv0', isDevice: true, format: 'raw' },
    undefined,
  ],
};

const refused: readonly [why: RegExp, changes: Parameters<typeof spec>[0]][] = [
  [/spec\.id: must be a UUID/, { id: 'web' }],
  [/spec\.id: must be a UUID/, { id: '00000000-0000-0000-0000-000000000000' }],
  [/spec\.generation/, { generation: 0n }],
  [/spec\.name/, { name: '' }],
  [/spec\.name/, { name: '../etc' }],
  [/spec\.name/, { name: 'a\nb' }],
  [/spec\.name/, { name: ' web' }],
  [/spec\.name/, { name: "a'/><x" }],
  [/spec\.description/, { description: 'a\u0000b' }],
  [/spec\.description/, { description: '\u001b[2J' }],
  [/spec\.description/, { description: '\ud800' }],
  [/spec\.cpus/, { cpus: 0 }],
  [/spec\.cpus/, { cpus: 4_000_000_000 }],
  [/spec\.topology: does not multiply to/, { topology: { sockets: 1, cores: 1, threads: 1 } }],
  [/spec\.memoryBytes/, { memoryBytes: 1n }],
  [/spec\.memoryBytes/, { memoryBytes: (64n << 20n) + 1n }],
  [/spec\.memoryBytes/, { memoryBytes: 2n ** 63n }],
  [/spec\.cpuModel/, { cpuModel: 99 as CpuModel }],
  [/spec\.cpuModelName/, { cpuModel: CpuModel.NAMED }],
  [/spec\.cpuModelName/, { cpuModelName: 'EPYC' }],
  [/a disk needs a volume/, { disks: [{ format: VolumeFormat.RAW }] }],
  [/must be RAW or QCOW2/, { disks: [{ volume: { poolId: 'a', name: 'b' } }] }],
  ...['../b', '/etc/shadow', '.', '..', '-a', '.a', 'a/b', 'a\n', ''].map(
    (name): [RegExp, Parameters<typeof spec>[0]] => [
      /spec\.disks\.0\.volume\.name/,
      { disks: [{ volume: { poolId: 'a', name }, format: VolumeFormat.RAW }] },
    ],
  ),
  [/spec\.nics\.0\.attachment/, { nics: [{ mac: '52:54:00:00:00:01' }] }],
  [
    /spec\.nics\.0\.mac/,
    { nics: [{ mac: '53:54:00:00:00:01', attachment: { case: 'bridge', value: 'br0' } }] },
  ],
  [
    /spec\.nics\.0\.attachment/,
    { nics: [{ mac: '52:54:00:00:00:01', attachment: { case: 'bridge', value: "a'><x/>" } }] },
  ],
  [
    /two have the same boot order/,
    {
      disks: [
        { cdrom: true, bootOrder: 1 },
        { cdrom: true, bootOrder: 1 },
      ],
    },
  ],
  [
    /two are the same volume/,
    {
      disks: [
        { volume: { poolId: 'a', name: 'b' }, format: VolumeFormat.RAW },
        { volume: { poolId: 'a', name: 'b' }, format: VolumeFormat.RAW },
      ],
    },
  ],
];

test.each(refused)('a specification is refused: %s', (why, changes) => {
  expect(() => checkSpec(spec(changes))).toThrow(why);
});

test('a missing specification is refused', () => {
  expect(() => checkSpec(undefined)).toThrow(TaskFailure);
});

test('the definition of a machine with all settings matches the snapshot', async () => {
  const xml = formatDomainXml(checkSpec(FULL), PLACEMENT);
  await expect(xml).toMatchFileSnapshot('full.xml');
  expect(readGeneration(xml)).toBe(7n);
  expect(parsePolicy(xml)).toEqual({ order: 10, stop: 'save' });
});

test('a minimal machine has the default policy, and no screen', () => {
  const xml = formatDomainXml(checkSpec(spec()), { ...PLACEMENT, volumes: [] });
  expect(parsePolicy(xml)).toEqual({ order: 1000, stop: 'shutdown' });
  expect(xml).not.toMatch(/graphics|firmware/);
});

test('settings that this host does not support are refused, not replaced', () => {
  const arm: Placement = { ...PLACEMENT, arch: 'aarch64', volumes: [] };
  expect(() => formatDomainXml(checkSpec(spec()), arm)).toThrow(/not BIOS/);
  expect(formatDomainXml(checkSpec(spec({ firmware: Firmware.UEFI })), arm)).toMatch(
    /machine='virt'/,
  );
  const emulated: Placement = { ...PLACEMENT, type: 'qemu', volumes: [] };
  expect(() => formatDomainXml(checkSpec(spec({ cpuModel: CpuModel.HOST })), emulated)).toThrow(
    /KVM/,
  );
  expect(formatDomainXml(checkSpec(spec()), emulated)).toMatch(/mode='maximum'/);
});

test('disks after the 26th are named as the kernel does: vdaa, vdab', () => {
  const disks = Array.from({ length: 30 }, (_, index) => ({
    volume: { poolId: 'a', name: `disk${index}` },
    format: VolumeFormat.RAW,
  }));
  const volume = { path: '/data/a', isDevice: false, format: 'raw' } as const;
  const xml = formatDomainXml(checkSpec(spec({ disks })), {
    ...PLACEMENT,
    volumes: disks.map(() => volume),
  });
  const names = [...xml.matchAll(/<target dev='(vd\w+)'/g)].map(([, name]) => name);
  expect(names.slice(24)).toEqual(['vdy', 'vdz', 'vdaa', 'vdab', 'vdac', 'vdad']);
});

test('no text can become markup', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string(), (text, attribute) => {
      let xml: string;
      try {
        xml = writeXml(makeElement('a', { b: attribute }, makeElement('c', {}, text)));
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
        return;
      }
      expect(xml.match(/<[^>]*>/g)?.map((tag) => tag.replace(/ b='[^']*'/, ''))).toEqual(
        ['<a>', text === '' ? '<c></c>' : '<c>', ...(text === '' ? [] : ['</c>']), '</a>'].flatMap(
          (tag) => (tag === '<c></c>' ? ['<c>', '</c>'] : [tag]),
        ),
      );
    }),
  );
});

const hostile = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom(
    "'",
    '"/>',
    '<x/>',
    ']]>',
    '&amp;',
    '--',
    '\u0000',
    '../../etc/shadow',
    ID,
    'web',
  ),
);

/** Any message that can be received, mostly similar to valid ones. */
const anySpec: fc.Arbitrary<VmSpec> = fc
  .record({
    id: fc.oneof(fc.constant(ID), hostile),
    generation: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    name: fc.oneof(fc.stringMatching(/^[a-zA-Z0-9_. -]{1,20}$/), hostile),
    description: hostile,
    cpus: fc.nat({ max: 600 }),
    memoryBytes: fc.oneof(fc.constant(64n << 20n), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })),
    firmware: fc.nat({ max: 5 }),
    cpuModel: fc.nat({ max: 5 }),
    cpuModelName: hostile,
    nics: fc.array(
      fc.record({
        mac: fc.oneof(fc.constant('52:54:00:12:34:56'), hostile),
        attachment: fc.record({
          case: fc.constantFrom('bridge' as const, 'network' as const),
          value: hostile,
        }),
      }),
      { maxLength: 3 },
    ),
  })
  .map((init) => fromBinary(VmSpecSchema, toBinary(VmSpecSchema, spec(init))));

test('any specification is refused with a field name, or makes one domain with its id and generation', () => {
  fc.assert(
    fc.property(anySpec, (message) => {
      const parsed = vmSpecSchema.safeParse(message);
      if (!parsed.success) {
        expect(() => checkSpec(message)).toThrow(TaskFailure);
        return;
      }
      let xml: string;
      try {
        xml = formatDomainXml(parsed.data, { ...PLACEMENT, volumes: [] });
      } catch (error) {
        expect(error).toBeInstanceOf(TaskFailure);
        return;
      }
      expect(xml.match(/<domain /g)).toHaveLength(1);
      expect(xml.match(/<devices>/g)).toHaveLength(1);
      expect(xml.match(/<interface /g) ?? []).toHaveLength(message.nics.length);
      expect(xml).toContain(`<uuid>${message.id}</uuid>`);
      expect(readGeneration(xml)).toBe(message.generation);
    }),
  );
});
