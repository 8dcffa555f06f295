import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, isIPv6 } from 'node:net';
import { join } from 'node:path';
import type { Network } from '../api/network.ts';
import { messageOf } from '../error.ts';
import { readText } from '../host/read.ts';
import { CommandError } from '../process/command-error.ts';
import { run } from '../process/run.ts';

/** Milliseconds that each target has to answer; all are asked at the same time. */
const PATIENCE = 4_000;

/** Default port of a control plane, and port of DNS. */
const HTTPS = 443;
const DNS = 53;

/**
 * Whether a target on the management network answers; `unknown` if there is no such target or its address is not known.
 */
export interface Reach {
  what: 'gateway' | 'dns' | 'control-plane';
  /** Address of the target, such as `10.0.0.1`; `null` if there is none. */
  target: string | null;
  state: 'reached' | 'not-reached' | 'unknown';
  /** How it answered, or why not, for a person. */
  detail: string;
}

/** Programs, ports and folders that are used; those of this machine if absent. */
export interface ReachPlaces {
  /** Folder that contains proc. */
  root?: string;
  ping?: string;
  dnsPort?: number;
  /** Milliseconds that each target has to answer; PATIENCE if absent. */
  patience?: number;
}

/**
 * Asks the gateway, each name server and the control plane of this machine, all at the same time. Never throws: a
 * target that does not answer is a result.
 */
export async function testReach(
  { network, controlPlane }: { network: Network; controlPlane: ControlPlaneAddress | undefined },
  signal: AbortSignal,
  places: ReachPlaces = {},
): Promise<Reach[]> {
  const one = network.interfaces.find(({ name }) => name === network.default);
  const servers = [...new Set(network.interfaces.flatMap(({ dns }) => dns))];
  const { dnsPort = DNS, patience = PATIENCE } = places;
  const limit = AbortSignal.any([signal, AbortSignal.timeout(patience)]);
  const settle = (what: Reach['what'], target: string, asked: Promise<string>) =>
    settled({ what, target, asked, patience });
  return await Promise.all([
    one?.gateway === undefined || one.gateway === null
      ? unknown('gateway', null, 'there is no default gateway')
      : settle('gateway', one.gateway, askGateway(one.name, one.gateway, { ...places, limit })),
    ...(servers.length === 0
      ? [unknown('dns', null, 'there is no name server')]
      : servers.map((server) => settle('dns', server, askNameServer(server, dnsPort, limit)))),
    ...(controlPlane === undefined ? [] : [askControlPlane(controlPlane, { limit, patience })]),
  ]);
}

/** The control plane that this machine has joined, or why it is not known. */
export type ControlPlaneAddress = { origin: string | null } | { problem: string };

async function askControlPlane(
  address: ControlPlaneAddress,
  { limit, patience }: { limit: AbortSignal; patience: number },
): Promise<Reach> {
  if ('problem' in address) return unknown('control-plane', null, address.problem);
  const { origin } = address;
  if (origin === null) return unknown('control-plane', null, 'none is joined');
  const place = toPlace(origin);
  if (place === undefined) return unknown('control-plane', origin, 'this is no address');
  const asked = askPort(place, limit);
  return await settled({ what: 'control-plane', target: origin, asked, patience });
}

/** Parses host and port of an origin (`https://vdc.example`) or of an address without a scheme. */
export function toPlace(origin: string): { host: string; port: number } | undefined {
  const text = origin.includes('://') ? origin : `https://${origin}`;
  if (!URL.canParse(text)) return undefined;
  const { hostname, port } = new URL(text);
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  return host === '' ? undefined : { host, port: port === '' ? HTTPS : Number(port) };
}

/** Pings the gateway. A router need not answer a ping: an entry in the kernel's neighbour table is enough. */
async function askGateway(
  name: string,
  gateway: string,
  { ping = 'ping', root = '/', limit }: ReachPlaces & { limit: AbortSignal },
): Promise<string> {
  try {
    await run(ping, ['-c', '1', '-w', '3', '-I', name, gateway], {
      timeout: PATIENCE,
      signal: limit,
    });
    return 'it answers a ping';
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const neighbours = await readText(join(root, 'proc/net/arp'));
    if (isNeighbour(neighbours, { name, address: gateway }))
      return 'it is there, but answers no ping';
    throw new Error('no answer to a ping', { cause: error });
  }
}

/** Flag ATF_COM of <linux/if_arp.h>: the hardware address is known. */
const COMPLETE = 0x2;

/**
 * Returns whether /proc/net/arp has a complete entry of a machine: columns address, type, flags, hardware address,
 * mask, device.
 */
export function isNeighbour(
  text: string,
  { name, address }: { name: string; address: string },
): boolean {
  return text.split('\n').some((line) => {
    const [one, , flags = '', , , device] = line.trim().split(/\s+/);
    return one === address && device === name && (Number.parseInt(flags, 16) & COMPLETE) !== 0;
  });
}

/**
 * Asks a name server for the root's name servers, without recursion (RFC 1035, 4.1): any answer shows that the server
 * is reachable, and the server can answer without asking other servers.
 */
async function askNameServer(server: string, port: number, limit: AbortSignal): Promise<string> {
  const id = randomBytes(2);
  const header = [0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00];
  const question = [0x00, 0x00, 0x02, 0x00, 0x01];
  const socket = createSocket(isIPv6(server) ? 'udp6' : 'udp4');
  try {
    const answers = once(socket, 'message', { signal: limit });
    // Not a callback of `connect`, which would be called for a failure too, for example when there is no route.
    socket.once('connect', () => {
      socket.send(Buffer.concat([id, Buffer.from([...header, ...question])]));
    });
    socket.connect(port, server);
    const [answer]: unknown[] = await answers;
    if (!(answer instanceof Buffer) || !answer.subarray(0, 2).equals(id)) {
      throw new Error('its answer does not match the question');
    }
    return 'it answers';
  } finally {
    socket.close();
  }
}

async function askPort({ host, port }: { host: string; port: number }, limit: AbortSignal) {
  const socket = connect({ host, port });
  try {
    await once(socket, 'connect', { signal: limit });
    return `port ${port} is open`;
  } finally {
    socket.destroy();
  }
}

function unknown(what: Reach['what'], target: string | null, detail: string): Reach {
  return { what, target, state: 'unknown', detail };
}

interface Question {
  what: Reach['what'];
  target: string;
  asked: Promise<string>;
  patience: number;
}

async function settled({ what, target, asked, patience }: Question): Promise<Reach> {
  try {
    return { what, target, state: 'reached', detail: await asked };
  } catch (error) {
    const silent = error instanceof Error && error.name === 'AbortError';
    const detail = silent ? `no answer within ${patience / 1000} s` : messageOf(error);
    return { what, target, state: 'not-reached', detail };
  }
}
