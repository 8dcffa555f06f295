import { create, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { Health } from '../../../api/health.ts';
import type { Host } from '../../../api/host.ts';
import type { HardwareIdentity } from '../../../proto/gen/quantix/v1/host_pb.js';
import {
  type HeartbeatRequest,
  HeartbeatRequestSchema,
  type NotifyStorageChangeRequest,
  NotifyStorageChangeRequestSchema,
  type NotifyVMChangeRequest,
  NotifyVMChangeRequestSchema,
  StoragePoolsSchema,
  type SyncFullStateRequest,
  SyncFullStateRequestSchema,
  VirtualMachinesSchema,
} from '../../../proto/gen/quantix/v1/node_service_pb.js';
import { type Position, StateHashSchema } from '../../../proto/gen/quantix/v1/position_pb.js';
import { StoragePoolSchema } from '../../../proto/gen/quantix/v1/storage_pb.js';
import type { Version } from '../../../proto/gen/quantix/v1/version_pb.js';
import {
  PowerState,
  type VirtualMachine,
  VirtualMachineSchema,
} from '../../../proto/gen/quantix/v1/vm_pb.js';
import { healthMessage, hostInfo, hostLoad } from './host-message.ts';
import { type Change, stateHash } from './inventory.ts';
import type { OutboxEntry } from './outbox.ts';
import type { Acknowledged } from './reported.ts';
import type { Snapshot } from './snapshot.ts';

export interface FullState {
  readonly position: Position;
  readonly managementAddress: string | null;
  readonly host: Host;
  readonly hardware: HardwareIdentity;
  readonly version: Version;
  readonly snapshot: Snapshot;
  /** Of the hashes. */
  readonly form: number;
  /** Milliseconds since 1970, by this host's clock. */
  readonly now: number;
}

/** Bytes of objects in one part of a full state; with what else a part has it stays below 1 MiB. */
const PART = 768 * 1024;

/**
 * Everything that the host knows, in parts as `SyncFullStateRequest` describes them.
 * @param part most bytes of objects in one
 */
export async function* fullStateParts(
  full: FullState,
  part: number = PART,
): AsyncGenerator<SyncFullStateRequest> {
  const { position, snapshot } = full;
  const { vms, pools, hypervisor } = snapshot;
  let request = create(SyncFullStateRequestSchema, {
    position,
    part: 1,
    managementAddress: full.managementAddress ?? '',
    host: hostInfo(full.host, full.version.program, full.hardware),
    hypervisor,
    version: full.version,
    clientTime: timestampFromMs(full.now),
    ...(vms === undefined ? {} : { vms: {} }),
    ...(pools === undefined ? {} : { pools: {} }),
  });
  let room = part;
  for (const object of [...(vms?.values() ?? []), ...(pools?.values() ?? [])]) {
    const isVm = object.$typeName === 'quantix.v1.VirtualMachine';
    const size = isVm
      ? toBinary(VirtualMachineSchema, object)
      : toBinary(StoragePoolSchema, object);
    if (size.length > room && room < part) {
      yield request;
      request = create(SyncFullStateRequestSchema, { position, part: request.part + 1 });
      room = part;
    }
    room -= size.length;
    if (isVm) {
      request.vms ??= create(VirtualMachinesSchema);
      request.vms.items.push(object);
    } else {
      request.pools ??= create(StoragePoolsSchema);
      request.pools.items.push(object);
    }
  }
  request.last = true;
  request.stateHash = create(StateHashSchema, stateHash(snapshot, full.form));
  yield request;
}

export interface Pulse {
  readonly position: Position;
  readonly managementAddress: string | null;
  readonly host: Host;
  /** The latest look; fullness of pools is taken from it. */
  readonly snapshot: Snapshot | undefined;
  readonly acknowledged: Acknowledged;
  readonly health: Health | undefined;
  /** Milliseconds since 1970: when the node's certificate ends. */
  readonly certificateEnds: number;
  readonly version: Version;
  readonly bootId: string;
  readonly trustBundleVersion: bigint;
  readonly endpointsVersion: bigint;
  /** Milliseconds since 1970, by this host's clock. */
  readonly now: number;
}

/** A heartbeat, as a request. */
export function heartbeatRequest(pulse: Pulse): HeartbeatRequest {
  const { position, host, snapshot, acknowledged } = pulse;
  const pools = [...(snapshot?.pools?.values() ?? [])];
  return create(HeartbeatRequestSchema, {
    position,
    managementAddress: pulse.managementAddress ?? '',
    hostname: host.hostname,
    load: hostLoad(host, [...(snapshot?.vms?.values() ?? [])].filter(isRunning).length),
    pools: pools.flatMap(({ usage }) => (usage === undefined ? [] : [usage])),
    ...(snapshot === undefined ? {} : { hypervisor: snapshot.hypervisor }),
    ...(acknowledged.position === undefined ? {} : { acknowledged: acknowledged.position }),
    stateHash: acknowledged.stateHash,
    version: pulse.version,
    health: healthMessage(pulse.health, pulse.certificateEnds),
    bootId: pulse.bootId,
    trustBundleVersion: pulse.trustBundleVersion,
    endpointsVersion: pulse.endpointsVersion,
    clientTime: timestampFromMs(pulse.now),
  });
}

/** A change of a virtual machine, as a request. */
export function vmChangeRequest(
  change: Extract<Change, { kind: 'vm' }>,
  position: Position,
  { seenAt }: OutboxEntry,
): NotifyVMChangeRequest {
  const { id, present } = change;
  return create(NotifyVMChangeRequestSchema, {
    position,
    change:
      present === undefined ? { case: 'absentId', value: id } : { case: 'present', value: present },
    seenAt: timestampFromMs(seenAt),
  });
}

/** A change of a storage pool, as a request. */
export function storageChangeRequest(
  change: Extract<Change, { kind: 'pool' }>,
  position: Position,
  { seenAt }: OutboxEntry,
): NotifyStorageChangeRequest {
  const { id, present } = change;
  return create(NotifyStorageChangeRequestSchema, {
    position,
    change:
      present === undefined ? { case: 'absentId', value: id } : { case: 'present', value: present },
    seenAt: timestampFromMs(seenAt),
  });
}

function isRunning({ powerState }: VirtualMachine): boolean {
  return powerState === PowerState.RUNNING || powerState === PowerState.BLOCKED;
}
