import { createHash } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import type {
  HeartbeatRequest,
  NotifyStorageChangeRequest,
  NotifyVMChangeRequest,
  SyncFullStateRequest,
} from '../../apps/proto/gen/quantix/v1/node_service_pb.js';
import {
  type Kept,
  KeptSchema,
  type Position,
  type StateHash,
  StateHashSchema,
} from '../../apps/proto/gen/quantix/v1/position_pb.js';
import type { StoragePool, Volume } from '../../apps/proto/gen/quantix/v1/storage_pb.js';
import type { VirtualMachine } from '../../apps/proto/gen/quantix/v1/vm_pb.js';

/** Outcome of a message. */
export interface Verdict {
  readonly applied: boolean;
  readonly requestFullSync: boolean;
}

/** What a control plane records of one node, from its messages alone, by the rules in `position.proto`. */
export class Ledger {
  readonly vms = new Map<string, VirtualMachine>();
  readonly pools = new Map<string, StoragePool>();
  readonly volumes = new Map<string, readonly Volume[]>();
  managementAddress = '';
  #state: Position | undefined;
  #heartbeat: Position | undefined;
  #bootId = '';
  readonly #formerBoots = new Set<string>();

  /** The recorded positions, as a message. */
  get kept(): Kept {
    return create(KeptSchema, {
      ...(this.#state === undefined ? {} : { state: this.#state }),
      ...(this.#heartbeat === undefined ? {} : { heartbeat: this.#heartbeat }),
    });
  }

  /** @param parts of one full state, all of them, in order */
  sync(parts: readonly SyncFullStateRequest[]): Verdict {
    const [first] = parts;
    if (first === undefined || !isLater(first.position, this.#state)) return UNCHANGED;
    const bootId = first.host?.hardware?.bootId ?? '';
    if (bootId !== '' && bootId !== this.#bootId) {
      if (this.#bootId !== '') this.#formerBoots.add(this.#bootId);
      this.#bootId = bootId;
    }
    this.#state = first.position;
    this.managementAddress = first.managementAddress;
    const vms = parts.flatMap((part) => (part.vms === undefined ? [] : [part.vms.items]));
    const pools = parts.flatMap((part) => (part.pools === undefined ? [] : [part.pools.items]));
    if (vms.length > 0) replace(this.vms, vms.flat());
    if (pools.length > 0) replace(this.pools, pools.flat());
    this.volumes.clear();
    for (const { poolId, items } of parts.flatMap((part) => part.volumes)) {
      this.volumes.set(poolId, [...(this.volumes.get(poolId) ?? []), ...items]);
    }
    return { applied: true, requestFullSync: false };
  }

  /** Whether another host uses this node's key: true if a boot reports again after a later boot has reported. */
  isCopy(bootId: string): boolean {
    return this.#formerBoots.has(bootId);
  }

  heartbeat(request: HeartbeatRequest): Verdict {
    if (!isLater(request.position, this.#heartbeat)) return UNCHANGED;
    this.#heartbeat = request.position;
    this.managementAddress = request.managementAddress;
    const otherBoot =
      request.bootId !== '' && this.#bootId !== '' && request.bootId !== this.#bootId;
    return { applied: true, requestFullSync: otherBoot || !this.#reaches(request) };
  }

  notify(request: NotifyVMChangeRequest | NotifyStorageChangeRequest): Verdict {
    if (!isLater(request.position, this.#state)) return UNCHANGED;
    if (request.position?.epoch !== this.#state?.epoch) {
      return { applied: false, requestFullSync: true };
    }
    this.#state = request.position;
    const { change } = request;
    const isVm = request.$typeName === 'quantix.v1.NotifyVMChangeRequest';
    if (change.case === 'absentId') (isVm ? this.vms : this.pools).delete(change.value);
    else if (change.value?.$typeName === 'quantix.v1.VirtualMachine') {
      this.vms.set(change.value.id, change.value);
    } else if (change.value !== undefined) this.pools.set(change.value.id, change.value);
    return { applied: true, requestFullSync: false };
  }

  /** Whether exactly the messages up to this position, the last one acknowledged to the node, were applied. */
  isAt(position: Position | undefined): boolean {
    return position?.epoch === this.#state?.epoch && position?.number === this.#state?.number;
  }

  /** Computes the hashes. Written from the text of `position.proto`, independently of the client's code. */
  hash(form = 0): StateHash {
    return create(StateHashSchema, {
      form,
      vms: digest(this.vms, (vm) => [
        vm.id,
        vm.name,
        `${vm.powerState}`,
        `${vm.cpus}`,
        `${vm.memoryBytes}`,
        vm.persistent ? '1' : '0',
        vm.autostart ? '1' : '0',
        ...(form === 0
          ? []
          : [vm.managed ? '1' : '0', `${vm.definitionGeneration}`, vm.definitionSha256]),
      ]),
      pools: digest(this.pools, (pool) => [
        pool.id,
        pool.name,
        `${pool.type}`,
        `${pool.health}`,
        pool.mountPath,
        pool.source,
        pool.writable ? '1' : '0',
        ...(form === 0 ? [] : [pool.assignedId]),
      ]),
    });
  }

  /**
   * Whether all messages that were acknowledged to the node were applied; false after a restore of the control plane.
   */
  #reaches({ acknowledged }: HeartbeatRequest): boolean {
    return acknowledged === undefined || !isLater(acknowledged, this.#state);
  }
}

const UNCHANGED: Verdict = { applied: false, requestFullSync: false };

function isLater(position: Position | undefined, kept: Position | undefined): boolean {
  if (position === undefined) throw new Error('a message without position');
  if (kept === undefined || position.epoch > kept.epoch) return true;
  return position.epoch === kept.epoch && position.number > kept.number;
}

function replace<T extends { id: string }>(map: Map<string, T>, items: readonly T[]): void {
  map.clear();
  for (const item of items) map.set(item.id, item);
}

function digest<T>(objects: ReadonlyMap<string, T>, fields: (object: T) => string[]): string {
  const keys = [...objects.keys()].map((id) => Buffer.from(id, 'utf8')).sort(Buffer.compare);
  const parts: Buffer[] = [];
  for (const key of keys) {
    const object = objects.get(key.toString('utf8'));
    if (object === undefined) throw new Error('an id that is not UTF-8');
    for (const field of fields(object)) {
      const bytes = Buffer.from(field, 'utf8');
      parts.push(Buffer.from(`${bytes.length}:`), bytes, Buffer.from(','));
    }
    parts.push(Buffer.from('\n'));
  }
  return createHash('sha256').update(Buffer.concat(parts)).digest('hex');
}
