import { createHash } from 'node:crypto';
import type {
  HeartbeatRequest,
  NotifyStorageChangeRequest,
  NotifyVMChangeRequest,
  SyncFullStateRequest,
} from '../../apps/proto/gen/quantix/v1/node_service_pb.js';
import type { Position } from '../../apps/proto/gen/quantix/v1/position_pb.js';
import type { StoragePool } from '../../apps/proto/gen/quantix/v1/storage_pb.js';
import type { VirtualMachine } from '../../apps/proto/gen/quantix/v1/vm_pb.js';

/** What a control plane records of one node, from its messages alone, by the rules in `position.proto`. */
export class Ledger {
  readonly vms = new Map<string, VirtualMachine>();
  readonly pools = new Map<string, StoragePool>();
  managementAddress = '';
  #state: Position | undefined;
  #heartbeat: Position | undefined;

  /** @returns whether it was applied; a duplicate is not */
  sync(request: SyncFullStateRequest): boolean {
    if (!isLater(request.position, this.#state)) return false;
    this.#state = request.position;
    this.managementAddress = request.managementAddress;
    if (request.vms !== undefined) replace(this.vms, request.vms.items);
    if (request.pools !== undefined) replace(this.pools, request.pools.items);
    return true;
  }

  heartbeat(request: HeartbeatRequest): boolean {
    if (!isLater(request.position, this.#heartbeat)) return false;
    this.#heartbeat = request.position;
    this.managementAddress = request.managementAddress;
    return true;
  }

  /** @returns `unknown epoch` if a full state is missing first */
  notify(
    request: NotifyVMChangeRequest | NotifyStorageChangeRequest,
  ): 'applied' | 'duplicate' | 'unknown epoch' {
    if (request.position?.epoch !== this.#state?.epoch) return 'unknown epoch';
    if (!isLater(request.position, this.#state)) return 'duplicate';
    this.#state = request.position;
    const { change } = request;
    const isVm = request.$typeName === 'quantix.v1.NotifyVMChangeRequest';
    if (change.case === 'absentId') (isVm ? this.vms : this.pools).delete(change.value);
    else if (change.value?.$typeName === 'quantix.v1.VirtualMachine') {
      this.vms.set(change.value.id, change.value);
    } else if (change.value !== undefined) this.pools.set(change.value.id, change.value);
    return 'applied';
  }

  /** Whether exactly everything up to what the node holds acknowledged was applied. */
  isAt(position: Position | undefined): boolean {
    return position?.epoch === this.#state?.epoch && position?.number === this.#state?.number;
  }

  /** Written from the words of `position.proto`, not from the client's code. */
  hash(): { vms: string; pools: string } {
    return {
      vms: digest(this.vms, (vm) => [
        vm.id,
        vm.name,
        `${vm.powerState}`,
        `${vm.cpus}`,
        `${vm.memoryBytes}`,
        vm.persistent ? '1' : '0',
        vm.autostart ? '1' : '0',
      ]),
      pools: digest(this.pools, (pool) => [
        pool.id,
        pool.name,
        `${pool.type}`,
        `${pool.health}`,
        pool.mountPath,
        pool.source,
        pool.writable ? '1' : '0',
      ]),
    };
  }
}

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
