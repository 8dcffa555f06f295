import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { listChanges, mapById } from '../../../../../apps/agent/membership/reporting/inventory.ts';
import { Outbox } from '../../../../../apps/agent/membership/reporting/outbox.ts';
import { makePoolMessage } from '../../../../../apps/agent/membership/reporting/pool-message.ts';
import { Reported } from '../../../../../apps/agent/membership/reporting/reported.ts';
import { VmMessages } from '../../../../../apps/agent/membership/reporting/vm-message.ts';
import { PositionSchema } from '../../../../../apps/proto/gen/quantix/v1/position_pb.js';
import {
  formatPoolLine,
  formatVmLine,
  hashPools,
  hashVms,
} from '../../../../../apps/proto/state-hash.ts';
import { DATA, WEB } from './agent.ts';

const vms = new VmMessages().of([WEB, { ...WEB, id: 'B', name: 'ü,1:x\n' }], 0);
const [web, odd] = vms;

test('the line of an object has the documented form', () => {
  expect(vms.map((vm) => formatVmLine(vm, 0))).toEqual([
    '36:5f1c1f3e-0f0a-4c55-9d0e-3a9b6f1c2d3e,3:web,1:1,1:2,10:2147483648,1:1,1:0,\n',
    '1:b,7:ü,1:x\n,1:1,1:2,10:2147483648,1:1,1:0,\n',
  ]);
  expect(formatPoolLine(makePoolMessage(DATA), 0)).toBe(
    '36:0d9a4c1e-7a52-4d1c-8d57-0e6a3d0f4b11,4:data,1:2,1:1,5:/data,9:/dev/sda5,1:1,\n',
  );
});

test('from form 1 on, the line of a machine or pool also has the data of the control plane that manages it', () => {
  const managed = { ...vms[0]!, managed: true, definitionGeneration: 7n, definitionSha256: 'ab' };
  expect(formatVmLine(managed, 1)).toBe(formatVmLine(managed, 0).replace('\n', '1:1,1:7,2:ab,\n'));
  const assigned = { ...makePoolMessage(DATA), assignedId: 'p1' };
  expect(formatPoolLine(assigned, 1)).toBe(formatPoolLine(assigned, 0).replace('\n', '2:p1,\n'));
});

test('the hash of a state does not depend on the order of objects, and is unchanged since earlier versions', () => {
  expect(hashVms([])).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  expect(hashVms(vms, 0)).toBe('5f701f70c6f21dd60651439b7dae38d032f10866df1a6b8ddced7c1e38e7d2e6');
  expect(hashVms(vms.toReversed())).toBe(hashVms(vms));
  expect(hashPools([makePoolMessage(DATA)], 0)).toBe(
    '93095b702ecac2e66dca2f22c164a9b183df3a4a5b1f78050652f39a5ab7c1b7',
  );
});

test('counters, problems and usage are not part of the hash', () => {
  expect(hashVms([{ ...vms[0]!, powerStateChanges: 7n }])).toBe(hashVms([vms[0]!]));
  const full = { ...DATA, used: DATA.total, available: 0, problem: 'full' };
  expect(hashPools([makePoolMessage(full)])).toBe(hashPools([makePoolMessage(DATA)]));
});

test('a machine with the nil UUID is left out', () => {
  const nil = { ...WEB, id: '00000000-0000-0000-0000-000000000000' };
  expect(new VmMessages().of([nil], 0)).toEqual([]);
});

test('invalid numbers are reported as 0', () => {
  const [vm] = new VmMessages().of([{ ...WEB, cpus: -1, memory: Number.NaN }], 0);
  expect(vm).toMatchObject({ cpus: 0, memoryBytes: 0n });
});

function entry(number: bigint, id: string) {
  return { number, change: { kind: 'vm', id, present: undefined }, seenAt: 0 } as const;
}

test('a newer change of an object replaces the older one, and is sent last', () => {
  const outbox = new Outbox();
  for (const one of [entry(1n, 'a'), entry(2n, 'b'), entry(3n, 'a')]) outbox.put(one);
  expect([...outbox.entries()].map(({ number }) => number)).toEqual([2n, 3n]);
});

test('acknowledging an older change leaves the newer one of the same object', () => {
  const outbox = new Outbox();
  outbox.put(entry(1n, 'a'));
  const sent = outbox.first()!;
  outbox.put(entry(2n, 'a'));
  outbox.acknowledge(sent);
  expect(outbox.first()?.number).toBe(2n);
});

test('more changes than the queue holds lead to a full state with all of them', () => {
  const reported = new Reported(1n, new Outbox(3));
  const nothing = { vms: new Map(), pools: new Map() };
  reported.beginFull(nothing);
  reported.endFull(reported.nextPosition());
  const many = Array.from({ length: 5 }, (_, index) => ({ ...WEB, id: `${index}` }));
  const everything = { vms: mapById(new VmMessages().of(many, 0)), pools: new Map() };
  reported.observe(everything, 0);
  expect([reported.fullNeeded, reported.nextChange()]).toEqual([true, undefined]);
  reported.beginFull(everything);
  reported.endFull(reported.nextPosition());
  expect(reported.fullNeeded).toBe(false);
  expect(reported.acknowledged(1).stateHash.vms).toBe(hashVms(everything.vms.values()));
});

test('changes during a full state are reported after it', () => {
  const reported = new Reported(1n);
  const before = { vms: mapById([web!]), pools: new Map() };
  const position = reported.nextPosition();
  reported.beginFull(before);
  reported.observe({ vms: mapById([web!, odd!]), pools: new Map() }, 0);
  reported.endFull(position);
  expect(reported.acknowledged(1).stateHash.vms).toBe(hashVms([web!]));
  expect(reported.nextChange()).toMatchObject({ number: 2n, change: { id: 'b', present: odd } });
  reported.acknowledge(reported.nextChange()!);
  expect(reported.acknowledged(1).stateHash.vms).toBe(hashVms([web!, odd!]));
  expect(reported.acknowledged(1).position).toEqual(
    create(PositionSchema, { epoch: 1n, number: 2n }),
  );
});

test('if a kind of objects becomes readable, a full state is needed; if it becomes unreadable, no changes are reported', () => {
  const known = { vms: mapById([web!]), pools: new Map() };
  const unknown = { vms: undefined, pools: new Map() };
  expect(listChanges(unknown, known)).toBeUndefined();
  expect(listChanges(known, unknown)).toEqual([]);
});
