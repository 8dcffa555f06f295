import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { Host } from '../../../api/host.ts';
import {
  type HeartbeatRequest,
  HeartbeatRequestSchema,
  type NotifyStorageChangeRequest,
  NotifyStorageChangeRequestSchema,
  type NotifyVMChangeRequest,
  NotifyVMChangeRequestSchema,
  type SyncFullStateRequest,
  SyncFullStateRequestSchema,
} from '../../../proto/gen/quantix/v1/node_service_pb.js';
import type { Position } from '../../../proto/gen/quantix/v1/position_pb.js';
import { PowerState, type VirtualMachine } from '../../../proto/gen/quantix/v1/vm_pb.js';
import { hostInfo, hostLoad } from './host-message.ts';
import { type Change, stateHash } from './inventory.ts';
import type { Observation } from './observe.ts';
import type { Letter } from './outbox.ts';
import type { Reported } from './reported.ts';

export interface FullState {
  readonly position: Position;
  readonly managementAddress: string | null;
  readonly host: Host;
  readonly agentVersion: string;
  readonly observation: Observation;
}

/** Everything that the host knows, as a request. */
export function fullStateRequest(full: FullState): SyncFullStateRequest {
  const { position, observation } = full;
  const { vms, pools, hypervisor } = observation;
  return create(SyncFullStateRequestSchema, {
    position,
    managementAddress: full.managementAddress ?? '',
    host: hostInfo(full.host, full.agentVersion),
    hypervisor,
    ...(vms === undefined ? {} : { vms: { items: [...vms.values()] } }),
    ...(pools === undefined ? {} : { pools: { items: [...pools.values()] } }),
    stateHash: stateHash(observation),
  });
}

export interface Pulse {
  readonly position: Position;
  readonly managementAddress: string | null;
  readonly host: Host;
  /** The latest look; fullness of pools is taken from it. */
  readonly observation: Observation | undefined;
  readonly acknowledged: Reported['acknowledged'];
}

/** A heartbeat, as a request. */
export function heartbeatRequest(pulse: Pulse): HeartbeatRequest {
  const { position, host, observation, acknowledged } = pulse;
  const pools = [...(observation?.pools?.values() ?? [])];
  return create(HeartbeatRequestSchema, {
    position,
    managementAddress: pulse.managementAddress ?? '',
    hostname: host.hostname,
    load: hostLoad(host, [...(observation?.vms?.values() ?? [])].filter(isRunning).length),
    pools: pools.flatMap(({ usage }) => (usage === undefined ? [] : [usage])),
    ...(observation === undefined ? {} : { hypervisor: observation.hypervisor }),
    ...(acknowledged.position === undefined ? {} : { acknowledged: acknowledged.position }),
    stateHash: acknowledged.stateHash,
  });
}

/** A change of a virtual machine, as a request. */
export function vmChangeRequest(
  change: Extract<Change, { kind: 'vm' }>,
  position: Position,
  { seenAt }: Letter,
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
  { seenAt }: Letter,
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
