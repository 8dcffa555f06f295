import { createHash } from 'node:crypto';
import { BuildError } from '../error.ts';
import type { Forward, Segment } from './machine.ts';

/** Address that QEMU's user network assigns to the guest (qemu(1), `-netdev user`). */
const GUEST_ADDRESS = '10.0.2.15';

/** Ports for dynamic use (RFC 6335). */
export const DYNAMIC_PORTS = { from: 49_152, count: 16_384 };

/**
 * Parses `PORT:PORT`: a port of this host, and the guest's port that it is forwarded to.
 * @throws BuildError if it is malformed
 */
export function parseForward(text: string): Forward {
  const [, host, guest] = /^(\d{1,5}):(\d{1,5})$/.exec(text) ?? [];
  const [hostPort, guestPort] = [Number(host), Number(guest)];
  const isPort = (port: number) => port >= 1 && port <= 65_535;
  if (isPort(hostPort) && isPort(guestPort)) {
    return { hostPort, guestAddress: GUEST_ADDRESS, guestPort };
  }
  throw new BuildError({
    what: `${JSON.stringify(text)} is not a port forward`,
    where: '--forward',
    fix: 'Write the port of this host and that of the guest, 1 to 65535: --forward 8443:443',
  });
}

/**
 * Connects a guest to a named network: guests on the network of the same name can reach each other.
 * @param guest name of the guest, which must be unique on that network
 */
export function joinSegment(network: string, guest: string): Segment {
  const port = DYNAMIC_PORTS.from + (digest(network).readUInt16BE() % DYNAMIC_PORTS.count);
  return { port, mac: deriveHardwareAddress(`${network}/${guest}`), isBesideOwn: true };
}

/** Derives a hardware address from a name, in QEMU's range 52:54:00. */
export function deriveHardwareAddress(name: string): string {
  const own = digest(name).subarray(0, 3);
  return ['52', '54', '00', ...[...own].map((byte) => byte.toString(16).padStart(2, '0'))].join(
    ':',
  );
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
