import { create } from '@bufbuild/protobuf';
import type { Pool } from '../../../api/storage.ts';
import { type Volume, VolumeSchema } from '../../../proto/gen/quantix/v1/storage_pb.js';
import { VolumeFormat } from '../../../proto/gen/quantix/v1/vm_spec_pb.js';
import { hashVolumes } from '../../../proto/state-hash.ts';
import { toUint64 } from './numbers.ts';

const FORMATS = {
  raw: VolumeFormat.RAW,
  lv: VolumeFormat.RAW,
  qcow2: VolumeFormat.QCOW2,
  iso: VolumeFormat.ISO,
  unknown: VolumeFormat.UNSPECIFIED,
} as const;

/**
 * Hash of each list of volumes, because it is reported repeatedly. A pool has the same list object until its volumes
 * are listed again.
 */
const hashes = new WeakMap<Pool['volumes'], string>();

/** Returns whether the volumes of a pool are known: it answers, and they have been listed since the agent started. */
export function knowsVolumes({ health, volumesSeen }: Pool): boolean {
  return volumesSeen !== 'never' && health !== 'unknown' && health !== 'unmounted';
}

/** Makes the messages about volumes, sorted by name as the protocol requires. */
export function makeVolumeMessages({ volumes }: Pool): Volume[] {
  return volumes
    .map(({ name, format, capacity, allocated }) =>
      create(VolumeSchema, {
        name,
        format: FORMATS[format],
        capacityBytes: toUint64(capacity),
        allocatedBytes: toUint64(allocated),
      }),
    )
    .toSorted((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
}

/** Returns `PoolUsage.volumes_sha256`; empty if the volumes are not known. */
export function computeVolumesHash(pool: Pool): string {
  if (!knowsVolumes(pool)) return '';
  const known = hashes.get(pool.volumes);
  if (known !== undefined) return known;
  const hash = hashVolumes(makeVolumeMessages(pool));
  hashes.set(pool.volumes, hash);
  return hash;
}
