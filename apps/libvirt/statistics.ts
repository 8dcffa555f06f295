import { isIP } from 'node:net';
import type { Vm } from '../api/vms.ts';
import { LibvirtError } from './error.ts';
import { isUuid } from './uuid.ts';
import { type Libvirt, runVirsh } from './virsh.ts';

/**
 * Resource use of a running machine; counters start with the machine, and a value that libvirt does not report is 0.
 */
export interface VmUse {
  readonly id: string;
  /** Nanoseconds of processor time. */
  readonly cpuTime: number;
  /** Bytes of the host's memory. */
  readonly memory: number;
  /** Bytes, as totals of all disks or of all network cards. */
  readonly diskRead: number;
  readonly diskWritten: number;
  readonly received: number;
  readonly sent: number;
  /** The guest's addresses, sorted, without link-local ones. */
  readonly addresses: readonly string[];
}

/** Maximum number of machines whose addresses one run reads: all commands form one argument, whose size is limited. */
const BATCH = 500;

/** Largest number of addresses of one guest. */
const MOST_ADDRESSES = 32;

/** Marks the beginning of a machine's addresses in the output. */
const MARK = 'quantix-addresses-of';

const UUID_LENGTH = 36;

const ACTIVE: readonly Vm['state'][] = ['running', 'blocked', 'paused', 'shutdown', 'pmsuspended'];

/**
 * Reads the resource use of the running machines, in one run of virsh for all.
 * @param vms all machines
 * @param hasAgent whether the guest agent of a machine answers; addresses are requested only from agents that do
 * @returns `undefined` if libvirt does not answer
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
  // `domstats` is last, because the last command sets the exit status: a guest without a known address is not an error.
  const stats = 'domstats --cpu-total --balloon --block --interface --list-active --nowait';
  try {
    return parseStatistics(await runVirsh(libvirt, [[...questions, stats].join('; ')]), active);
  } catch (error) {
    libvirt.signal?.throwIfAborted();
    if (error instanceof LibvirtError) return undefined;
    throw error;
  }
}

/**
 * Parses the output of `readStatistics`' commands. virsh(1) identifies machines by name there; a machine that is not in
 * `vms` is skipped.
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
  return [...values].map(([id, facts]) => ({
    id,
    cpuTime: facts.get('cpu.time') ?? 0,
    memory: (facts.get('balloon.rss') ?? 0) * 1024,
    diskRead: total(facts, /^block\.\d+\.rd\.bytes$/),
    diskWritten: total(facts, /^block\.\d+\.wr\.bytes$/),
    received: total(facts, /^net\.\d+\.rx\.bytes$/),
    sent: total(facts, /^net\.\d+\.tx\.bytes$/),
    addresses: [...(addresses.get(id) ?? [])].sort().slice(0, MOST_ADDRESSES),
  }));
}

/**
 * Parses the addresses of machines, by UUID. With --quiet, virsh writes no line feed after an echo, so a mark need not
 * be at the beginning of a line.
 */
function parseAddresses(text: string): Map<string, Set<string>> {
  const [, ...blocks] = text.split(`${MARK} `);
  return new Map(
    blocks.map((block): [string, Set<string>] => {
      const rows = block.matchAll(/\s(?:ipv4|ipv6)[ \t]+([0-9a-fA-F.:]+)\/\d{1,3}[ \t]*$/gm);
      const all = [...rows].map(([, address = '']) => address.toLowerCase());
      return [block.slice(0, UUID_LENGTH), new Set(all.filter(isRoutable))];
    }),
  );
}

function total(facts: ReadonlyMap<string, number>, key: RegExp): number {
  let sum = 0;
  for (const [name, value] of facts) if (key.test(name)) sum += value;
  return sum;
}

/** Returns whether an address is neither loopback nor link-local. */
function isRoutable(address: string): boolean {
  return isIP(address) !== 0 && !/^(?:127\.|::1$|169\.254\.|fe[89ab])/i.test(address);
}
