import { createHash } from 'node:crypto';
import type { Vm } from '../api/vms.ts';
import { LibvirtError } from './error.ts';
import { isUuid } from './uuid.ts';
import { type Libvirt, runVirsh } from './virsh.ts';

/** Facts from libvirt's definition of a virtual machine. */
export interface Definition {
  /** libvirt's XML, from its first tag to its last. */
  readonly xml: string;
  /** SHA-256 of `xml`, in lower-case hex. */
  readonly sha256: string;
  readonly disks: readonly DefinedDisk[];
  readonly nics: readonly DefinedNic[];
  /** Facts about the running machine; `undefined` if it does not run. */
  readonly live?: LiveFacts | undefined;
}

/** Facts that apply only while a machine runs. */
export interface LiveFacts {
  /** Port of VNC on the host's loopback; 0 if there is none. */
  readonly vncPort: number;
  /** Whether it has a serial console. */
  readonly serial: boolean;
  /** Whether a guest agent answers. */
  readonly hasAgent: boolean;
}

/** A disk; fields that the definition does not set are empty. */
export interface DefinedDisk {
  readonly target: string;
  readonly source: string;
  readonly format: string;
  readonly cdrom: boolean;
}

/** A network card; fields that the definition does not set are empty or 0. */
export interface DefinedNic {
  readonly mac: string;
  readonly bridge: string;
  readonly network: string;
  readonly vlan: number;
}

/** Maximum number of machines whose definitions one run of virsh reads. */
const BATCH = 200;

/**
 * Milliseconds after which definitions are read again: a definition may change without a change of the machine's other
 * facts.
 */
const AGE = 60_000;

/** Reads the definitions of this host's virtual machines, only when they may have changed. */
export class DefinitionReader {
  readonly #libvirt: Libvirt;
  readonly #now: () => number;
  #known: ReadonlyMap<string, Definition> = new Map();
  #key = '';
  #readAt = Number.NEGATIVE_INFINITY;
  /** How often `expire` was called. */
  #expiries = 0;
  /** The last call of `read`: one ends before the next begins, so that an older answer never replaces a newer one. */
  #last: Promise<unknown> = Promise.resolve();

  /** @param now milliseconds of a monotonic clock */
  constructor(libvirt: Libvirt, now: () => number = () => performance.now()) {
    this.#libvirt = libvirt;
    this.#now = now;
  }

  /** Makes the next call of `read` read all definitions again. */
  expire(): void {
    this.#expiries += 1;
    this.#key = '';
  }

  /**
   * Returns the definitions of these machines, by UUID. If libvirt does not answer, returns those that were read last.
   * A definition that cannot be read is left out.
   */
  read(vms: readonly Vm[]): Promise<ReadonlyMap<string, Definition>> {
    const work = () => this.#readNow(vms);
    const next = this.#last.then(work, work);
    this.#last = next;
    return next;
  }

  async #readNow(vms: readonly Vm[]): Promise<ReadonlyMap<string, Definition>> {
    const expiries = this.#expiries;
    const key = JSON.stringify(
      vms.map(({ state, ...rest }) => ({ ...rest, runs: state !== 'shutoff' })),
    );
    if (key === this.#key && this.#now() - this.#readAt < AGE) return this.#known;
    try {
      const read = await readDefinitions(
        this.#libvirt,
        vms.filter(({ id }) => isUuid(id)),
      );
      this.#known = read;
      // After a call of `expire` meanwhile, the next call reads again: the answer may be older than what has changed.
      this.#key = this.#expiries === expiries ? key : '';
      this.#readAt = this.#now();
    } catch (error) {
      if (!(error instanceof LibvirtError)) throw error;
    }
    return this.#known;
  }
}

/** Reads definitions with one run of virsh per batch. @throws LibvirtError if libvirt does not answer */
async function readDefinitions(
  libvirt: Libvirt,
  vms: readonly Vm[],
): Promise<Map<string, Definition>> {
  const read = new Map<string, Definition>();
  for (let start = 0; start < vms.length; start += BATCH) {
    const dumps = vms
      .slice(start, start + BATCH)
      .flatMap(({ id, state }) => [
        `dumpxml ${id} --inactive`,
        ...(state === 'shutoff' ? [] : [`dumpxml ${id}`]),
      ]);
    // `uri` is last, because the last command sets the exit status: a machine that no longer exists is not an error.
    const output = await runVirsh(libvirt, [[...dumps, 'uri'].join('; ')]);
    for (const [id, definition] of parseDefinitions(output)) read.set(id, definition);
  }
  return read;
}

/**
 * Parses the output of several `virsh dumpxml` calls, by UUID. If the definition of a machine is followed by that of
 * the running machine, which has an `id`, the live facts are taken from the latter.
 */
export function parseDefinitions(output: string): Map<string, Definition> {
  const definitions = new Map<string, Definition>();
  for (const xml of output.match(/^<domain\b[\s\S]*?^<\/domain>$/gm) ?? []) {
    const id = /<uuid>([^<]*)<\/uuid>/.exec(xml)?.[1] ?? '';
    if (!isUuid(id)) continue;
    const definition = definitions.get(id);
    if (!/^<domain\s[^<>]*\bid=/.test(xml)) definitions.set(id, parseDefinition(xml));
    else if (definition !== undefined) definitions.set(id, { ...definition, live: liveFacts(xml) });
  }
  return definitions;
}

const LOOPBACK = /^(?:|127\.0\.0\.1|::1|localhost)$/;

function liveFacts(xml: string): LiveFacts {
  const body = withoutProse(xml);
  const graphics = [...body.matchAll(/<graphics\s[^<>]*>/g)].map(([tag]) => tag);
  const vnc = graphics.find((tag) => attribute(tag, 'graphics', 'type') === 'vnc') ?? '';
  const port = Number(/^\d{1,5}$/.exec(attribute(vnc, 'graphics', 'port'))?.[0] ?? 0);
  return {
    vncPort: LOOPBACK.test(attribute(vnc, 'graphics', 'listen')) ? port : 0,
    serial: /<(?:serial|console)\s[^<>]*type=['"]pty['"]/.test(body),
    hasAgent: elements(body, 'channel').some(
      (channel) =>
        attribute(channel, 'target', 'name') === 'org.qemu.guest_agent.0' &&
        attribute(channel, 'target', 'state') === 'connected',
    ),
  };
}

/** Removes the elements that may contain arbitrary text. */
function withoutProse(xml: string): string {
  return xml.replace(/<metadata>[\s\S]*?<\/metadata>|<description>[\s\S]*?<\/description>/g, '');
}

/** Parses libvirt's XML of one definition; libvirt writes no comments and no CDATA, and each tag on its own line. */
export function parseDefinition(text: string): Definition {
  const xml = text.trim();
  const body = withoutProse(xml);
  return {
    xml,
    sha256: createHash('sha256').update(xml).digest('hex'),
    disks: elements(body, 'disk').map((disk) => ({
      target: attribute(disk, 'target', 'dev'),
      source: attribute(disk, 'source', 'file') || attribute(disk, 'source', 'dev'),
      format: attribute(disk, 'driver', 'type'),
      cdrom: attribute(disk, 'disk', 'device') === 'cdrom',
    })),
    nics: elements(body, 'interface').map((nic) => ({
      mac: attribute(nic, 'mac', 'address').toLowerCase(),
      bridge: attribute(nic, 'source', 'bridge'),
      network: attribute(nic, 'source', 'network'),
      vlan: Number(/^\d{1,4}$/.exec(attribute(nic, 'tag', 'id'))?.[0] ?? 0),
    })),
  };
}

function elements(xml: string, name: string): string[] {
  return xml.match(new RegExp(`<${name}\\s[^<>]*>[\\s\\S]*?</${name}>`, 'g')) ?? [];
}

const ENTITIES: Readonly<Record<string, string>> = {
  lt: '<',
  gt: '>',
  amp: '&',
  quot: '"',
  apos: "'",
};

function attribute(xml: string, element: string, name: string): string {
  const tag = new RegExp(`<${element}\\s[^<>]*>`).exec(xml)?.[0] ?? '';
  const value = new RegExp(`\\s${name}=(["'])(.*?)\\1`).exec(tag)?.[2] ?? '';
  return value.replace(/&(lt|gt|amp|quot|apos);/g, (_, entity: string) => ENTITIES[entity] ?? '');
}
