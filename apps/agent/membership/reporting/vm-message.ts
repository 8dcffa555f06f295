import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { Vm, Vms } from '../../../api/vms.ts';
import { readGeneration } from '../../../guests/generation.ts';
import type { Definition } from '../../../libvirt/definitions.ts';
import {
  type Hypervisor,
  HypervisorSchema,
  PowerState,
  type VirtualMachine,
  VirtualMachineSchema,
  VmConsoleSchema,
} from '../../../proto/gen/quantix/v1/vm_pb.js';
import { toUint32, toUint64 } from './numbers.ts';

const STATES = {
  nostate: PowerState.UNSPECIFIED,
  unknown: PowerState.UNSPECIFIED,
  running: PowerState.RUNNING,
  blocked: PowerState.BLOCKED,
  paused: PowerState.PAUSED,
  shutdown: PowerState.SHUTTING_DOWN,
  shutoff: PowerState.SHUT_OFF,
  crashed: PowerState.CRASHED,
  pmsuspended: PowerState.SUSPENDED,
} as const;

const NIL = '00000000-0000-0000-0000-000000000000';

/** Makes the message that says whether libvirt answers. */
export function makeHypervisorMessage({ libvirt }: Vms): Hypervisor {
  return create(HypervisorSchema, {
    available: libvirt.available,
    version: libvirt.available ? libvirt.version : '',
    problem: libvirt.available ? '' : libvirt.problem,
  });
}

/** Facts that libvirt's list of virtual machines does not contain. */
export interface About {
  /** By UUID. */
  readonly definitions: ReadonlyMap<string, Definition>;
  /** Returns the `StoragePool.id` of the pool that contains a file or device; empty if there is none. */
  readonly poolOf: (source: string) => string;
}

const NOTHING: About = { definitions: new Map(), poolOf: () => '' };

/** Makes messages about virtual machines, and counts the observed changes of each machine's power state. */
export class VmMessages {
  #seen = new Map<string, VirtualMachine>();

  /**
   * Makes the messages.
   * @param now milliseconds since 1970
   * @param about further facts about the machines
   * @returns one message per virtual machine; entries with the nil UUID are left out, because they are not virtual
   *   machines
   */
  of(vms: readonly Vm[], now: number, about: About = NOTHING): VirtualMachine[] {
    const messages = vms
      .map((vm) => this.#message(vm, now, about))
      .filter((message) => message.id !== NIL);
    this.#seen = new Map(messages.map((message) => [message.id, message]));
    return messages;
  }

  #message(vm: Vm, now: number, { definitions, poolOf }: About): VirtualMachine {
    const definition = definitions.get(vm.id);
    const generation = definition === undefined ? undefined : readGeneration(definition.xml);
    const message = create(VirtualMachineSchema, {
      id: vm.id.toLowerCase(),
      name: vm.name,
      powerState: STATES[vm.state],
      cpus: toUint32(vm.cpus),
      memoryBytes: toUint64(vm.memory),
      persistent: vm.persistent,
      autostart: vm.autostart,
      managed: generation !== undefined,
      definitionGeneration: generation ?? 0n,
      definitionSha256: definition?.sha256 ?? '',
      disks: (definition?.disks ?? []).map((disk) => ({ ...disk, poolId: poolOf(disk.source) })),
      nics: (definition?.nics ?? []).map(({ vlan, ...nic }) => ({ ...nic, vlanId: vlan })),
    });
    if (definition?.live !== undefined && vm.state !== 'shutoff') {
      const { vncPort, serial } = definition.live;
      if (vncPort !== 0 || serial) message.console = create(VmConsoleSchema, { vncPort, serial });
    }
    const before = this.#seen.get(message.id);
    if (before === undefined) return message;
    const changed = before.powerState !== message.powerState;
    message.powerStateChanges = before.powerStateChanges + (changed ? 1n : 0n);
    const changedAt = changed ? timestampFromMs(now) : before.powerStateChangedAt;
    if (changedAt !== undefined) message.powerStateChangedAt = changedAt;
    return message;
  }
}
