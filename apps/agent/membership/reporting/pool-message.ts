import { create } from '@bufbuild/protobuf';
import type { Pool } from '../../../api/storage.ts';
import {
  PoolHealth,
  PoolType,
  type StoragePool,
  StoragePoolSchema,
} from '../../../proto/gen/quantix/v1/storage_pb.js';
import { toUint32, toUint64 } from './numbers.ts';
import { computeVolumesHash } from './volumes.ts';

const TYPES = {
  directory: PoolType.DIRECTORY,
  filesystem: PoolType.FILESYSTEM,
  lvm: PoolType.LVM,
  nfs: PoolType.NFS,
} as const;

const HEALTH = {
  healthy: PoolHealth.HEALTHY,
  degraded: PoolHealth.DEGRADED,
  failed: PoolHealth.FAILED,
  unmounted: PoolHealth.UNMOUNTED,
  unknown: PoolHealth.UNSPECIFIED,
} as const;

/** Makes the message about a storage pool. @param assignedId `AssignedPool.id`, if the control plane assigned it */
export function makePoolMessage(pool: Pool, assignedId = ''): StoragePool {
  return create(StoragePoolSchema, {
    id: pool.id,
    name: pool.name,
    type: TYPES[pool.kind],
    health: HEALTH[pool.health],
    mountPath: pool.path ?? '',
    source: pool.source,
    writable: pool.writable,
    problem: pool.problem ?? '',
    assignedId,
    usage: {
      poolId: pool.id,
      totalBytes: toUint64(pool.total),
      usedBytes: toUint64(pool.used),
      availableBytes: toUint64(pool.available),
      volumes: toUint32(pool.volumes.length),
      volumesSha256: computeVolumesHash(pool),
    },
  });
}
