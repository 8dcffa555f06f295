import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv4 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import { isUnreachable } from '../../../network/management-address.ts';
import {
  formatLanDatagram,
  LAN_GROUP,
  LAN_PORT,
  parseLanDatagram,
} from '../../../proto/lan-datagram.ts';

/** Milliseconds to wait for answers. */
const PATIENCE = 2000;
/** Largest number of accepted answers: anybody on the network can send some. */
const MOST_ANSWERS = 4;
/** Largest number of authorities in a query: there are two while one replaces another. */
const MOST_AUTHORITIES = 4;

/** Where to ask, and how long; tests replace the usual values. */
export interface LanPlaces {
  /** Destination of a query. */
  readonly group?: string;
  readonly port?: number;
  /** Source port, on each address. */
  readonly ownPort?: number;
  /** Source addresses; those of this host if absent. */
  readonly addresses?: readonly string[];
  /** Milliseconds to wait for answers. */
  readonly patience?: number;
}

/**
 * Asks for the control plane of these authorities on each network of this host, by IPv4 multicast.
 * @param fingerprints of the trusted authorities, in lower-case hex
 * @returns origins, each `https://address:port`, that claim to be this control plane: only TLS can verify the claim
 */
export async function askLan(
  fingerprints: readonly string[],
  signal: AbortSignal,
  places: LanPlaces = {},
): Promise<string[]> {
  const { addresses = ownAddresses() } = places;
  const found = new Set<string>();
  const over = AbortSignal.any([signal, AbortSignal.timeout(places.patience ?? PATIENCE)]);
  await Promise.all(
    addresses.map((address) =>
      askFrom(address, fingerprints, { ...places, found, signal: over }).catch(
        // The address may have been removed, or the port may be in use: this network is skipped.
        () => undefined,
      ),
    ),
  );
  return [...found];
}

async function askFrom(
  address: string,
  fingerprints: readonly string[],
  {
    group = LAN_GROUP,
    port = LAN_PORT,
    ownPort = LAN_PORT,
    found,
    signal,
  }: LanPlaces & { found: Set<string>; signal: AbortSignal },
): Promise<void> {
  const socket = createSocket({ type: 'udp4', reuseAddr: true });
  try {
    socket.bind(ownPort, address);
    await once(socket, 'listening', { signal });
    socket.setMulticastInterface(address);
    socket.setMulticastTTL(1);
    const asked = new Map(
      fingerprints
        .slice(0, MOST_AUTHORITIES)
        .map((fingerprint) => [randomBytes(8).toString('hex'), fingerprint]),
    );
    socket.on('message', (bytes, from) => {
      const datagram = parseLanDatagram(bytes);
      if (datagram?.kind !== 'answer' || asked.get(datagram.number) !== datagram.fingerprint)
        return;
      if (found.size < MOST_ANSWERS) found.add(`https://${from.address}:${datagram.port}`);
    });
    socket.on('error', () => undefined);
    for (const [number, fingerprint] of asked) {
      socket.send(
        formatLanDatagram({ kind: 'question', number, fingerprint, port: 0 }),
        port,
        group,
        () => undefined,
      );
    }
    await wait(2 ** 31 - 1, undefined, { signal, ref: false }).catch(() => undefined);
  } finally {
    socket.close();
  }
}

function ownAddresses(): string[] {
  return Object.entries(networkInterfaces()).flatMap(([name, infos = []]) =>
    name.startsWith('virbr')
      ? []
      : infos
          .filter(
            ({ internal, address }) => !internal && isIPv4(address) && !isUnreachable(address),
          )
          .map(({ address }) => address),
  );
}
