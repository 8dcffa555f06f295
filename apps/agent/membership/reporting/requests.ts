import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { Health } from '../../../api/health.ts';
import type { Host } from '../../../api/host.ts';
import type { VmUse } from '../../../libvirt/statistics.ts';
import { type HardwareIdentity, HostInfoSchema } from '../../../proto/gen/quantix/v1/host_pb.js';
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
import {
  PoolVolumesSchema,
  StoragePoolSchema,
  VolumeSchema,
} from '../../../proto/gen/quantix/v1/storage_pb.js';
import type { Version } from '../../../proto/gen/quantix/v1/version_pb.js';
import {
  PowerState,
  type VirtualMachine,
  VirtualMachineSchema,
  type VmStatisticsSchema,
} from '../../../proto/gen/quantix/v1/vm_pb.js';
import type { ServiceFact } from '../facts.ts';
import {
  makeHealthMessage,
  makeHostInfo,
  makeHostLoad,
  type OptionalHostFacts,
} from './host-message.ts';
import { type Change, computeStateHash } from './inventory.ts';
import { toUint64 } from './numbers.ts';
import type { OutboxEntry } from './outbox.ts';
import type { Acknowledged } from './reported.ts';
import type { Snapshot } from './snapshot.ts';
import { makeVolumeMessages } from './volumes.ts';

export interface FullState {
  readonly position: Position;
  readonly managementAddress: string | null;
  readonly host: Host;
  readonly hardware: HardwareIdentity;
  readonly version: Version;
  readonly snapshot: Snapshot;
  readonly optionalFacts?: OptionalHostFacts | undefined;
  /** `StateHash.form` of the hashes. */
  readonly form: number;
  /** Milliseconds since 1970, by this host's clock. */
  readonly now: number;
}

/** Largest number of bytes that a list adds to each volume: the tag and the length of the field. */
const FRAMING = 6;

/** Bytes of objects in one part of a full state; with its other fields, a part stays below 1 MiB. */
const PART = 768 * 1024;

/**
 * Yields the full state of the host in parts, as `SyncFullStateRequest` describes them.
 * @param part largest number of bytes of objects in one part
 */
export async function* splitFullState(
  full: FullState,
  part: number = PART,
): AsyncGenerator<SyncFullStateRequest> {
  const { position, snapshot } = full;
  const { vms, pools, hypervisor } = snapshot;
  const host = makeHostInfo(full.host, full.version.program, full.hardware, full.optionalFacts);
  let request = create(SyncFullStateRequestSchema, {
    position,
    part: 1,
    managementAddress: full.managementAddress ?? '',
    host,
    hypervisor,
    version: full.version,
    clientTime: timestampFromMs(full.now),
    ...(vms === undefined ? {} : { vms: {} }),
    ...(pools === undefined ? {} : { pools: {} }),
  });
  let room = part - toBinary(HostInfoSchema, host).length;
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
  for (const pool of snapshot.listed) {
    // A list is added for each pool: an empty list means that the pool has no volumes.
    let list = create(PoolVolumesSchema, { poolId: pool.id });
    request.volumes.push(list);
    for (const volume of makeVolumeMessages(pool)) {
      const size = toBinary(VolumeSchema, volume).length + FRAMING;
      if (size > room && room < part) {
        yield request;
        request = create(SyncFullStateRequestSchema, { position, part: request.part + 1 });
        room = part;
        list = create(PoolVolumesSchema, { poolId: pool.id });
        request.volumes.push(list);
      }
      room -= size;
      list.items.push(volume);
    }
  }
  request.last = true;
  request.stateHash = create(StateHashSchema, computeStateHash(snapshot, full.form));
  yield request;
}

export interface HeartbeatInput {
  readonly position: Position;
  readonly managementAddress: string | null;
  readonly host: Host;
  /** The latest snapshot, from which the usage of pools is taken. */
  readonly snapshot: Snapshot | undefined;
  readonly acknowledged: Acknowledged;
  readonly health: Health | undefined;
  readonly services?: readonly ServiceFact[] | undefined;
  /** Resource use of virtual machines; machines whose use was not read are missing. */
  readonly use?: readonly VmUse[] | undefined;
  /** End of the node's certificate, in milliseconds since 1970. */
  readonly certificateEnds: number;
  readonly version: Version;
  readonly bootId: string;
  readonly trustBundleVersion: bigint;
  readonly endpointsVersion: bigint;
  /** Milliseconds since 1970, by this host's clock. */
  readonly now: number;
}

/** Makes the message about the resource use of a virtual machine. */
function useMessage(use: VmUse): MessageInitShape<typeof VmStatisticsSchema> {
  return {
    vmId: use.id,
    cpuTimeNs: toUint64(use.cpuTime),
    memoryUsedBytes: toUint64(use.memory),
    diskReadBytes: toUint64(use.diskRead),
    diskWrittenBytes: toUint64(use.diskWritten),
    networkReceivedBytes: toUint64(use.received),
    networkSentBytes: toUint64(use.sent),
    addresses: [...use.addresses],
  };
}

/** Makes the request for a heartbeat. */
export function makeHeartbeatRequest(pulse: HeartbeatInput): HeartbeatRequest {
  const { position, host, snapshot, acknowledged } = pulse;
  const pools = [...(snapshot?.pools?.values() ?? [])];
  return create(HeartbeatRequestSchema, {
    position,
    managementAddress: pulse.managementAddress ?? '',
    hostname: host.hostname,
    load: makeHostLoad(host, [...(snapshot?.vms?.values() ?? [])].filter(isRunning).length),
    pools: pools.flatMap(({ usage }) => (usage === undefined ? [] : [usage])),
    ...(snapshot === undefined ? {} : { hypervisor: snapshot.hypervisor }),
    ...(acknowledged.position === undefined ? {} : { acknowledged: acknowledged.position }),
    stateHash: acknowledged.stateHash,
    version: pulse.version,
    health: makeHealthMessage(pulse.health, pulse.certificateEnds, pulse.services),
    vms: (pulse.use ?? []).map(useMessage),
    assignedPools: [...(snapshot?.assigned ?? [])],
    bootId: pulse.bootId,
    trustBundleVersion: pulse.trustBundleVersion,
    endpointsVersion: pulse.endpointsVersion,
    clientTime: timestampFromMs(pulse.now),
  });
}

/** Makes the request for a change of a virtual machine. */
export function makeVmChangeRequest(
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

/** Makes the request for a change of a storage pool. */
export function makeStorageChangeRequest(
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
