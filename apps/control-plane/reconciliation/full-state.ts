import { create } from '@bufbuild/protobuf';
import type { HostInfo } from '../../proto/gen/quantix/v1/host_pb.js';
import type { SyncFullStateRequest } from '../../proto/gen/quantix/v1/node_service_pb.js';
import {
  PoolVolumesSchema,
  type StoragePool,
  type Volume,
} from '../../proto/gen/quantix/v1/storage_pb.js';
import type { VirtualMachine } from '../../proto/gen/quantix/v1/vm_pb.js';
import { hashVolumes } from '../../proto/state-hash.ts';
import { MalformedMessageError } from './error.ts';
import type { ReportedVolumes } from './pool-records.ts';
import { type KeptPosition, readPosition } from './position.ts';
import { deriveKey, encode } from './reports.ts';

/** Maximum number of parts of a full state; `LARGEST_MESSAGE` of `handle-requests.ts` limits the size of each. */
export const MOST_PARTS = 64;

/** A complete full state. */
export interface FullState {
  readonly position: KeptPosition;
  readonly managementAddress: string;
  readonly host: HostInfo | undefined;
  /** Whether the host can run virtual machines; true if it does not report it. */
  readonly isAvailable: boolean;
  /** All virtual machines of the host; undefined if it could not read them. `pools` likewise. */
  readonly vms: readonly VirtualMachine[] | undefined;
  readonly pools: readonly StoragePool[] | undefined;
  readonly volumes: readonly ReportedVolumes[];
}

/**
 * Joins the parts of a full state.
 * @throws MalformedMessageError if they do not belong to one full state, are out of order or incomplete, or there are
 *   too many
 */
export async function collectParts(parts: AsyncIterable<SyncFullStateRequest>): Promise<FullState> {
  let first: SyncFullStateRequest | undefined;
  let position: KeptPosition | undefined;
  let isWhole = false;
  let count = 0;
  let vms: VirtualMachine[] | undefined;
  let pools: StoragePool[] | undefined;
  const volumes = new Map<string, Volume[]>();
  for await (const part of parts) {
    count += 1;
    const at = readPosition(part.position);
    first ??= part;
    position ??= at;
    const isNext =
      part.part === count && at.epoch === position.epoch && at.sequence === position.sequence;
    if (!isNext || isWhole) {
      throw new MalformedMessageError('these are not the parts of one full state');
    }
    if (count > MOST_PARTS) {
      throw new MalformedMessageError(`a full state has ${MOST_PARTS} parts at most`);
    }
    isWhole = part.last;
    if (part.vms !== undefined) vms = [...(vms ?? []), ...part.vms.items];
    if (part.pools !== undefined) pools = [...(pools ?? []), ...part.pools.items];
    for (const { poolId, items } of part.volumes) {
      volumes.set(poolId, [...(volumes.get(poolId) ?? []), ...items]);
    }
  }
  if (first === undefined || position === undefined || !isWhole) {
    throw new MalformedMessageError('the last part of the full state is missing');
  }
  return {
    position,
    managementAddress: first.managementAddress,
    host: first.host,
    isAvailable: first.hypervisor?.available ?? true,
    ...{ vms, pools },
    volumes: [...volumes].map(([poolId, items]) => ({
      poolId: deriveKey(poolId),
      volumes: encode(PoolVolumesSchema, create(PoolVolumesSchema, { poolId, items })),
      sha256: hashVolumes(items),
    })),
  };
}
