import { randomUUID } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import type { Executor, Verb } from '../../apps/agent/commands/commander.ts';
import { TaskFailure } from '../../apps/agent/commands/failure.ts';
import type { Facts } from '../../apps/agent/membership/facts.ts';
import { computeStateHash } from '../../apps/agent/membership/reporting/inventory.ts';
import { takeSnapshot } from '../../apps/agent/membership/reporting/snapshot.ts';
import { VmMessages } from '../../apps/agent/membership/reporting/vm-message.ts';
import type { Host } from '../../apps/api/host.ts';
import type { Pool } from '../../apps/api/storage.ts';
import type { Vm, VmState } from '../../apps/api/vms.ts';
import { HardwareIdentitySchema } from '../../apps/proto/gen/quantix/v1/host_pb.js';
import { type Task, TaskErrorCode } from '../../apps/proto/gen/quantix/v1/task_pb.js';
import { systemClock } from '../../apps/watch/clock.ts';

const GIB = 2 ** 30;

/** Settings shared by all hosts of a fleet. */
const HOST: Omit<Host, 'hostname'> = {
  product: 'Quantix-OS',
  version: '1.0.0',
  base: 'alpine',
  uptime: 3600,
  managementAddress: null,
  cpu: {
    model: 'Example 3000',
    sockets: 1,
    cores: 16,
    threads: 32,
    frequency: 3200,
    virtualization: true,
  },
  memory: { total: 256 * GIB, available: 64 * GIB, hugePages: 0 },
  changes: null,
  load: [0.5, 0.25, 0.125],
  cpuUsage: 0.1,
  disks: [],
  nics: [],
};

/** A simulated host: its virtual machines and pools are fields of this object. */
export class FakeHost {
  readonly name: string;
  readonly vms = new Map<string, Vm>();
  readonly pools: readonly Pool[];
  address: string;
  /** Called on each change, as the agent is on libvirt's events. */
  onChange = (): void => undefined;
  /**
   * Receives how many milliseconds a heartbeat took. It begins when the agent reads the address, before it sends the
   * heartbeat, and ends when the agent reads the virtual machines, after the answer.
   */
  onHeartbeat = (_milliseconds: number): void => undefined;
  #lookedAt: number | undefined;
  #bootId: string = randomUUID();

  /** @param index from 0; it determines name and address */
  constructor(index: number, vms: number) {
    this.name = `host-${index}`;
    this.address = addressOf(index);
    this.pools = [poolOf()];
    for (let number = 0; number < vms; number += 1) this.put(vmOf(`vm-${index}-${number}`));
  }

  /** The facts that the agent reads. */
  get facts(): Facts {
    return {
      managementAddress: async () => {
        this.#lookedAt = performance.now();
        return this.address;
      },
      host: async () => ({ ...HOST, hostname: this.name }),
      hardware: async () => create(HardwareIdentitySchema, { bootId: this.#bootId }),
      vms: async () => {
        if (this.#lookedAt !== undefined) this.onHeartbeat(performance.now() - this.#lookedAt);
        this.#lookedAt = undefined;
        return {
          libvirt: { available: true, version: '9.0.0' },
          vms: [...this.vms.values()],
        };
      },
      pools: async () => this.pools,
    };
  }

  /** Returns the hashes of the state that its agent would report now. @param form see `StateHash.form` */
  async hash(form: number): Promise<{ vms: string; pools: string }> {
    const { facts } = this;
    const options = { facts, log: () => undefined, clock: systemClock };
    return computeStateHash(await takeSnapshot(options, new VmMessages()), form);
  }

  /** Commands for virtual machines, carried out at once. */
  get executors(): Partial<Record<Verb, Executor>> {
    const to = (state: VmState): Executor => ({
      objectOf: idOf,
      carryOut: async ({ task }) => {
        const vm = this.vms.get(idOf(task));
        if (vm === undefined) {
          throw new TaskFailure(TaskErrorCode.NOT_FOUND, 'there is no VM of this UUID');
        }
        this.put({ ...vm, state });
        return {};
      },
    });
    return { startVm: to('running'), shutdownVm: to('shutoff'), stopVm: to('shutoff') };
  }

  /** Adds or replaces a virtual machine. */
  put(vm: Vm): void {
    this.vms.set(vm.id, vm);
    this.onChange();
  }

  /** Removes a virtual machine. */
  remove(id: string): void {
    this.vms.delete(id);
    this.onChange();
  }

  /** Restarts the machine; its state stays. */
  reboot(): void {
    this.#bootId = randomUUID();
  }
}

function idOf({ verb }: Task): string {
  return verb.value !== undefined && 'vmId' in verb.value ? verb.value.vmId : '';
}

/** Returns an address in 10.0.0.0/8, a different one for each number below 2^24. */
export function addressOf(number: number): string {
  return `10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`;
}

function vmOf(name: string): Vm {
  return {
    id: randomUUID(),
    name,
    state: 'running',
    cpus: 2,
    memory: 2 * GIB,
    persistent: true,
    autostart: false,
  };
}

function poolOf(): Pool {
  return {
    id: randomUUID(),
    name: 'data',
    kind: 'filesystem',
    path: '/data',
    source: '/dev/sda5',
    health: 'healthy',
    problem: null,
    writable: true,
    total: 1000 * GIB,
    used: 250 * GIB,
    available: 750 * GIB,
    volumes: [],
    seen: 'now',
    volumesSeen: 'now',
  };
}
