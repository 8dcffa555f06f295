import { create } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import {
  Allowance,
  determineNetwork,
} from '../../../../../apps/control-plane/node-service/allowance.ts';
import { listPresentOrigins } from '../../../../../apps/control-plane/node-service/endpoints.ts';
import { ThrottledLog } from '../../../../../apps/control-plane/node-service/throttled-log.ts';
import {
  expectCommonVersion,
  listVerbs,
} from '../../../../../apps/control-plane/node-service/version.ts';
import { VersionSchema } from '../../../../../apps/proto/gen/quantix/v1/version_pb.js';

test('an allowance is used up by a burst, and regained one by one, separately for each caller', () => {
  let now = 0;
  const allowance = new Allowance({ burst: 3, every: 100 }, () => now);
  for (let count = 0; count < 3; count += 1) {
    expect(allowance.wait('a')).toBe(0);
    allowance.count('a');
  }
  expect(allowance.wait('a')).toBe(100);
  expect(allowance.wait('b')).toBe(0);
  now = 100;
  expect(allowance.wait('a')).toBe(0);
  allowance.count('a');
  expect(allowance.wait('a')).toBe(100);
  now = 1000;
  for (let count = 0; count < 3; count += 1) allowance.count('a');
  expect(allowance.wait('a')).toBe(100);
});

test('a limited number of callers is remembered, among them the most active recent one', () => {
  const allowance = new Allowance({ burst: 1, every: 1000 }, () => 0);
  for (let count = 0; count < 50_000; count += 1) {
    allowance.count('guesser');
    allowance.count(`other ${count}`);
  }
  expect(allowance.wait('guesser')).toBeGreaterThan(0);
  expect(allowance.wait('other 1')).toBe(0);
});

test.each([
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
])('%s shares the allowance of %s', (address, network) => {
  expect(determineNetwork(address)).toBe(network);
});

test('the same message about the same caller is logged once a minute', () => {
  const lines: string[] = [];
  const note = (line: string) => lines.push(line);
  const log = new ThrottledLog({ error: note, warning: note, info: note, debug: note });
  for (let count = 0; count < 100; count += 1) log.warn('192.0.2.7', 'refused', 'no');
  log.warn('192.0.2.8', 'refused', 'no');
  expect(lines).toEqual(['192.0.2.7: no', '192.0.2.8: no']);
});

describe('where the control plane can be reached', () => {
  const info = (address: string, internal = false) => {
    const common = { address, internal, netmask: '', mac: '', cidr: null };
    return address.includes(':')
      ? ({ ...common, family: 'IPv6', scopeid: 0 } as const)
      : ({ ...common, family: 'IPv4' } as const);
  };
  const interfaces = {
    lo: [info('127.0.0.1', true), info('::1', true)],
    eth0: [info('2001:db8::5'), info('fe80::5'), info('192.0.2.5')],
    eth1: [info('169.254.7.7'), info('198.51.100.5')],
  };

  test.each([
    ['::', ['https://192.0.2.5:9443', 'https://198.51.100.5:9443', 'https://[2001:db8::5]:9443']],
    ['0.0.0.0', ['https://192.0.2.5:9443', 'https://198.51.100.5:9443']],
    ['198.51.100.5', ['https://198.51.100.5:9443']],
    ['127.0.0.1', []],
  ])('listening on %s', (listen, origins) => {
    const announced = ['https://192.0.2.5:9443', 'https://qvdc.example:443'];
    expect(listPresentOrigins({ port: 9443, listen, announced: [] }, interfaces)).toEqual(origins);
    expect(listPresentOrigins({ port: 9443, listen, announced }, interfaces)).toEqual([
      ...new Set([...origins, ...announced]),
    ]);
  });
});

test.each([
  [undefined, true],
  [{}, true],
  [{ protocol: 1, oldestProtocol: 1 }, true],
  [{ protocol: 3, oldestProtocol: 2 }, true],
  [{ protocol: 9, oldestProtocol: 1 }, true],
  [{ protocol: 3, oldestProtocol: 3 }, false],
])('a node of version %j has a common version: %s', (version, isCommon) => {
  const check = () =>
    expectCommonVersion(version === undefined ? undefined : create(VersionSchema, version));
  if (isCommon) check();
  else expect(check).toThrow(/speaks versions 3 to 3 .* 1 to 2/);
});

test('the verbs of a node are among its capabilities', () => {
  const capabilities = ['task.start_vm', 'task.create_volume', 'task.', 'other'];
  const version = create(VersionSchema, { capabilities });
  expect([...listVerbs(version)]).toEqual(['startVm', 'createVolume', '']);
  expect(listVerbs(undefined).size).toBe(0);
});
