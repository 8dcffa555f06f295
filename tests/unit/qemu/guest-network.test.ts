import { expect, test } from 'vitest';
import {
  deriveHardwareAddress,
  joinSegment,
  parseForward,
} from '../../../build/qemu/guest-network.ts';

test('a forward leads from a port of this host to one of the guest', () => {
  const forward = { hostPort: 8443, guestAddress: '10.0.2.15', guestPort: 443 };
  expect(parseForward('8443:443')).toEqual(forward);
});

test.each(['', '443', '0:443', '443:0', '65536:1', '1:65536', 'a:b', '1:2:3', '1:2,x=y', ' 1:2'])(
  '%j is not a forward',
  (text) => {
    expect(() => parseForward(text)).toThrow(/is not a port forward \(--forward\)\. Write/);
  },
);

test('guests of one network name share a segment, each with its own constant MAC address', () => {
  const [a, b] = [joinSegment('lab', 'host-a'), joinSegment('lab', 'host-b')];
  expect(a.port).toBe(b.port);
  expect(a.mac).not.toBe(b.mac);
  expect(joinSegment('lab', 'host-a')).toEqual(a);
  expect(joinSegment('other', 'host-a').port).not.toBe(a.port);
  for (const { port } of [a, b]) expect(port).toBeGreaterThanOrEqual(49_152);
  expect(deriveHardwareAddress('host-a')).toMatch(/^52:54:00(:[0-9a-f]{2}){3}$/);
  expect(deriveHardwareAddress('host-a')).not.toBe(a.mac);
});
