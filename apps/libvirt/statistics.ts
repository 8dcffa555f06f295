import { isIP } from 'node:net';
import type { Vm } from '../api/vms.ts';
import { LibvirtError } from './error.ts';
import { isUuid } from './uuid.ts';
import { type Libvirt, virsh } from './virsh.ts';

/** What a machine that runs uses; counters run since its start, and what libvirt does not tell is 0. */
export interface VmUse {
  readonly id: string;
  /** Nanoseconds of processor time. */
  readonly cpuTime: number;
  /** Bytes of the host's memory. */
  readonly memory: number;
  /** Bytes, of all disks and all cards. */
  readonly diskRead: number;
  readonly diskWritten: number;
  readonly received: number;
  readonly sent: number;
  /** The guest's addresses, sorted, without those of its own link. */
  readonly addresses: readonly string[];
}

/** Machines whose addresses are asked for in one run: each takes three lines of one argument. */
const BATCH = 500;

/** Addresses of one guest that are told, at most. */
const MOST_ADDRESSES = 32;

/** Comes before what is told of the addresses of a machine. */
const MARK = 'quantix-addresses-of';

const UUID_LENGTH = 36;

const ACTIVE: readonly Vm['state'][] = ['running', 'blocked', 'paused', 'shutdown', 'pmsuspended'];

/**
 * What the machines use that run, by one run of virsh for all of them.
 * @param vms those that there are
 * @param hasAgent whether an agent in the guest answers; one that does not is not waited for
 * @returns `undefined` if libvirt does not tell
 */
export async function readStatistics(
  libvirt: Libvirt,
  vms: readonly Vm[],
  hasAgent: (id: string) => boolean = () => false,
): Promise<VmUse[] | undefined> {
  const active = vms.filter(({ id, state }) => ACTIVE.includes(state) && isUuid(id));
  if (active.length === 0) return [];
  const questions = active
    .slice(0, BATCH)
    .flatMap(({ id }) => [
      `echo ${MARK} ${id}`,
      `domifaddr ${id} --source lease`,
      `domifaddr ${id} --source arp`,
      ...(hasAgent(id) ? [`domifaddr ${id} --source agent`] : []),
    ]);
  // Of several commands the last says how a run ends: a guest of which no address is known is no failure.
  const stats = 'domstats --cpu-total --balloon --block --interface --list-active --nowait';
  try {
    return parseStatistics(await virsh(libvirt, [[...questions, stats].join('; ')]), active);
  } catch (error) {
    libvirt.signal?.throwIfAborted();
    if (error instanceof LibvirtError) return undefined;
    throw error;
  }
}

/**
 * Reads what `readStatistics` asks for. virsh(1) calls machines by their names there; one that is not among `vms` is
 * passed over.
 */
export function parseStatistics(output: string, vms: readonly Vm[]): VmUse[] {
  const ids = new Map(vms.map(({ id, name }) => [name, id]));
  const start = output.indexOf("Domain: '");
  const addresses = parseAddresses(start === -1 ? output : output.slice(0, start));
  const values = new Map<string, Map<string, number>>();
  let facts: Map<string, number> | undefined;
  for (const line of start === -1 ? [] : output.slice(start).split('\n')) {
    const [, domain] = /^Domain: '(.*)'$/.exec(line) ?? [];
    const [, key, value] = /^\s+([a-z0-9._]{1,64})=(\d{1,19})$/.exec(line) ?? [];
    if (domain !== undefined) {
      facts = new Map();
      const id = ids.get(domain);
      if (id !== undefined) values.set(id, facts);
    } else if (key !== undefined) facts?.set(key, Number(value));
  }
  return [...values].map(([id, told]) => ({
    id,
    cpuTime: told.get('cpu.time') ?? 0,
    memory: (told.get('balloon.rss') ?? 0) * 1024,
    diskRead: total(told, /^block\.\d+\.rd\.bytes$/),
    diskWritten: total(told, /^block\.\d+\.wr\.bytes$/),
    received: total(told, /^net\.\d+\.rx\.bytes$/),
    sent: total(told, /^net\.\d+\.tx\.bytes$/),
    addresses: [...(addresses.get(id) ?? [])].sort().slice(0, MOST_ADDRESSES),
  }));
}

/** Addresses of machines by UUID. With --quiet virsh ends no line after what it echoes, so marks are looked for anywhere. */
function parseAddresses(text: string): Map<string, Set<string>> {
  const [, ...blocks] = text.split(`${MARK} `);
  return new Map(
    blocks.map((block): [string, Set<string>] => {
      const rows = block.matchAll(/\s(?:ipv4|ipv6)[ \t]+([0-9a-fA-F.:]+)\/\d{1,3}[ \t]*$/gm);
      const all = [...rows].map(([, address = '']) => address.toLowerCase());
      return [block.slice(0, UUID_LENGTH), new Set(all.filter(isOfUse))];
    }),
  );
}

function total(told: ReadonlyMap<string, number>, key: RegExp): number {
  let sum = 0;
  for (const [name, value] of told) if (key.test(name)) sum += value;
  return sum;
}

/** Not the guest's loopback, and none that is good on its own link only. */
function isOfUse(address: string): boolean {
  return isIP(address) !== 0 && !/^(?:127\.|::1$|169\.254\.|fe[89ab])/i.test(address);
}
