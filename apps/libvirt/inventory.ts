import { type Vm, type VmState, vmSchema } from '../api/vms.ts';
import { isUuid } from './uuid.ts';

/** Name of a state in `dominfo` (`virshDomainStateToString`) → state in the API. */
const STATES: ReadonlyMap<string, VmState> = new Map([
  ['no state', 'nostate'],
  ['running', 'running'],
  ['idle', 'blocked'],
  ['paused', 'paused'],
  ['in shutdown', 'shutdown'],
  ['shut off', 'shutoff'],
  ['crashed', 'crashed'],
  ['pmsuspended', 'pmsuspended'],
]);

/** Content of the output of one run of virsh. */
export interface Inventory {
  /** Version of the daemon, otherwise of the library; `null` if neither is in the output. */
  version: string | null;
  /** UUIDs of all machines, in libvirt's order. */
  ids: readonly string[];
  /** The described machines, by UUID. */
  described: ReadonlyMap<string, Vm>;
}

/** Returns the commands whose output {@link parseInventory} parses; the list comes last, so that it is the newest. */
export function makeInventoryCommands(ids: readonly string[]): string {
  const describe = ids.map((id) => `dominfo ${id}`);
  return ['version --daemon', ...describe, 'list --all --uuid'].join('; ');
}

/**
 * Parses the output of {@link makeInventoryCommands} (virsh(1), `--quiet`, C locale). Unknown lines are skipped, and so
 * is a machine whose description is incomplete. A state that is not known here, for example of a newer libvirt, is
 * `unknown`.
 */
export function parseInventory(output: string): Inventory {
  const described = new Map<string, Vm>();
  const ids: string[] = [];
  let facts = new Map<string, string>();
  const describe = () => {
    const vm = vmOf(facts);
    if (vm !== undefined) described.set(vm.id, vm);
    facts = new Map();
  };
  for (const line of output.split('\n')) {
    if (isUuid(line.trim())) ids.push(line.trim());
    const [, key, value] = /^([A-Z][A-Za-z() ]*): +(.*)$/.exec(line) ?? [];
    if (key === undefined || value === undefined) continue;
    if (key === 'Id') describe();
    if (!facts.has(key)) facts.set(key, value);
  }
  describe();
  return { version: versionOf(output), ids, described };
}

function versionOf(output: string): string | null {
  const daemon = /^Running against daemon: (\S+)$/m.exec(output);
  const library = /^Using library: libvirt (\S+)$/m.exec(output);
  return daemon?.[1] ?? library?.[1] ?? null;
}

function vmOf(facts: ReadonlyMap<string, string>): Vm | undefined {
  const memory = /^(\d+) KiB$/.exec(facts.get('Max memory') ?? '')?.[1];
  const state = facts.get('State');
  const vm = vmSchema.safeParse({
    id: facts.get('UUID'),
    name: facts.get('Name'),
    state: state === undefined ? undefined : (STATES.get(state) ?? 'unknown'),
    cpus: Number(facts.get('CPU(s)')),
    memory: memory === undefined ? undefined : Number(memory) * 1024,
    persistent: facts.get('Persistent') === 'yes',
    autostart: facts.get('Autostart') === 'enable',
  });
  return vm.success && isUuid(vm.data.id) ? vm.data : undefined;
}
