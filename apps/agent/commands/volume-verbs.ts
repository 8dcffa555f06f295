import { constants } from 'node:fs';
import { type FileHandle, link, open, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as z from 'zod';
import type { Pool } from '../../api/storage.ts';
import { syncFolder } from '../../files/durable-file.ts';
import { getErrorCode } from '../../process/code-of.ts';
import { run } from '../../process/run.ts';
import { type Task, TaskErrorCode } from '../../proto/gen/quantix/v1/task_pb.js';
import { VolumeFormat, type VolumeRef } from '../../proto/gen/quantix/v1/vm_spec_pb.js';
import { findImageBackedBy, type ImagePlaces, isAmong } from '../../storage/backing-file.ts';
import { readExtentSize, readSnapshots } from '../../storage/lvm.ts';
import { parseQcow2Header, QCOW2_HEADER } from '../../storage/qcow2-header.ts';
import type { Executor, Result, TaskRun, Verb } from './commander.ts';
import type { PlacedVolume } from './domain-xml.ts';
import { TaskFailure } from './failure.ts';
import { nameUnfinished, sweepUnfinished } from './unfinished-volumes.ts';
import { check, volumeRefSchema } from './vm-spec.ts';

/** Milliseconds that a program may take to make, read or remove a volume. */
const PATIENCE = 120_000;

/** Dependencies of operations on volumes. */
export interface VolumeDeps {
  /** Finds a pool by its id, which may be the host's or the control plane's; undefined if there is none. */
  readonly findPool: (id: string) => Promise<Pool | undefined>;
  /** Returns the pools of this host. */
  readonly pools: () => Promise<readonly Pool[]>;
  /** Returns the files and devices that virtual machines of this host use. @throws LibvirtError */
  readonly inUse: (signal: AbortSignal) => Promise<ReadonlySet<string>>;
  /** Called after a volume was created or deleted. */
  readonly changed: () => Promise<void>;
}

const createSchema = z.object({
  volume: volumeRefSchema,
  format: z.literal([VolumeFormat.RAW, VolumeFormat.QCOW2]),
  capacityBytes: z
    .bigint()
    .min(1n << 20n, 'must be at least 1 MiB')
    .max(1n << 50n)
    .refine((bytes) => bytes % 512n === 0n, 'must be a multiple of 512'),
});

/** Makes the executors for volumes. */
export function makeVolumeVerbs(deps: VolumeDeps): Partial<Record<Verb, Executor>> {
  const verb = (carryOut: (deps: VolumeDeps, taskRun: TaskRun) => Promise<void>): Executor => ({
    objectOf: (task) => `volume ${JSON.stringify(refOf(task))}`,
    carryOut: async (taskRun): Promise<Result> => {
      await carryOut(deps, taskRun);
      await deps.changed();
      return {};
    },
  });
  return { createVolume: verb(create), deleteVolume: verb(remove) };
}

function refOf({ verb }: Task): Partial<Pick<VolumeRef, 'poolId' | 'name'>> {
  const ref = verb.value !== undefined && 'volume' in verb.value ? verb.value.volume : undefined;
  return { poolId: ref?.poolId ?? '', name: ref?.name ?? '' };
}

/**
 * Finds the place of a volume on this host.
 * @throws TaskFailure NOT_FOUND if there is no such pool or volume; UNAVAILABLE if the pool is not up; CONFLICT if the
 *   path is not that of a volume, or the volume has another format or refers to another file, which could be any file
 *   of the host
 */
export async function placeVolume(
  { findPool }: Pick<VolumeDeps, 'findPool'>,
  ref: { poolId: string; name: string },
  format: PlacedVolume['format'],
): Promise<PlacedVolume> {
  const place = await expectPool(findPool, ref);
  if ((await capacityOf(place, format)) !== undefined) return { ...place, format };
  throw new TaskFailure(TaskErrorCode.NOT_FOUND, `there is no volume ${ref.name} in the pool`);
}

interface Place {
  readonly path: string;
  readonly isDevice: boolean;
  /** Name of the volume group of a logical volume; undefined for a file. */
  readonly group: string | undefined;
}

async function expectPool(
  findPool: VolumeDeps['findPool'],
  { poolId, name }: { poolId: string; name: string },
): Promise<Place> {
  const pool = await findPool(poolId);
  if (pool === undefined) {
    throw new TaskFailure(TaskErrorCode.NOT_FOUND, `there is no pool ${JSON.stringify(poolId)}`);
  }
  if (pool.health !== 'healthy' && pool.health !== 'degraded') {
    const what = `the pool ${pool.name} is ${pool.health}: ${pool.problem ?? ''}`;
    throw new TaskFailure(TaskErrorCode.UNAVAILABLE, what);
  }
  if (pool.kind === 'lvm') {
    return { path: join('/dev', pool.source, name), isDevice: true, group: pool.source };
  }
  if (pool.path === null) {
    throw new TaskFailure(TaskErrorCode.UNAVAILABLE, `the pool ${pool.name} is not mounted`);
  }
  return { path: join(pool.path, name), isDevice: false, group: undefined };
}

/**
 * Returns the size in bytes of a volume as a virtual machine sees it; undefined if there is no such volume. The format
 * is given by the caller and never guessed: a guest can write anything to the beginning of a raw volume.
 * @throws TaskFailure CONFLICT if the path has something else
 */
async function capacityOf(
  { path, isDevice }: Place,
  format: PlacedVolume['format'],
): Promise<bigint | undefined> {
  let file: FileHandle;
  try {
    const follow = isDevice ? 0 : constants.O_NOFOLLOW;
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | follow);
  } catch (error) {
    if (getErrorCode(error) === 'ENOENT') return undefined;
    if (getErrorCode(error) === 'ELOOP')
      throw new TaskFailure(TaskErrorCode.CONFLICT, `${path} is a link`);
    throw error;
  }
  try {
    const stats = await file.stat();
    if (isDevice ? !stats.isBlockDevice() : !stats.isFile()) {
      throw new TaskFailure(TaskErrorCode.CONFLICT, `${path} is not a volume`);
    }
    if (format === 'raw') return isDevice ? await deviceSize(path) : BigInt(stats.size);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(QCOW2_HEADER), 0, QCOW2_HEADER, 0);
    const header = parseQcow2Header(buffer.subarray(0, bytesRead));
    if (header === undefined) throw new TaskFailure(TaskErrorCode.CONFLICT, `${path} is not qcow2`);
    if (!header.refersToOthers) return header.capacity;
    const what = `${path} has a backing file, which a volume of a managed VM must not have`;
    throw new TaskFailure(TaskErrorCode.CONFLICT, what);
  } finally {
    await file.close();
  }
}

async function deviceSize(path: string): Promise<bigint> {
  return BigInt((await run('blockdev', ['--getsize64', path], { timeout: PATIENCE })).trim());
}

async function create({ findPool }: VolumeDeps, { task, signal }: TaskRun): Promise<void> {
  const wanted = check(createSchema, task.verb.value, 'create_volume');
  const place = await expectPool(findPool, wanted.volume);
  const format = wanted.format === VolumeFormat.QCOW2 ? 'qcow2' : 'raw';
  if (place.isDevice && format !== 'raw') {
    throw new TaskFailure(TaskErrorCode.INVALID, 'a volume group has raw volumes only');
  }
  const there = await capacityOf(place, format);
  if (there !== undefined) {
    if (!(await isCapacity(there, wanted.capacityBytes, place, signal))) {
      const what = `there is another volume ${wanted.volume.name}, of ${there} bytes`;
      throw new TaskFailure(TaskErrorCode.CONFLICT, what);
    }
    // An earlier run of the task may have been cut after the volume had its name, and before its folder was synced.
    if (place.group === undefined) await settleFolder(place.path);
    return;
  }
  const capacity = String(wanted.capacityBytes);
  if (place.group !== undefined) {
    const args = ['--yes', '--wipesignatures', 'y', '--size', `${capacity}b`];
    await run('lvcreate', [...args, '--name', wanted.volume.name, place.group], {
      timeout: PATIENCE,
      signal,
    });
    return;
  }
  await sweepUnfinished(place.path);
  // The file has a temporary name until it is complete: an interrupted agent leaves nothing that looks like a volume.
  const temporary = nameUnfinished(place.path, task.id);
  try {
    const args = ['create', '-q', '-f', format, temporary, capacity];
    await run('qemu-img', args, { timeout: PATIENCE, signal });
    const file = await open(temporary, 'r');
    await file.sync().finally(() => file.close());
    // Unlike a rename, a link never replaces an existing file.
    await link(temporary, place.path);
  } finally {
    await rm(temporary, { force: true });
  }
  await syncFolder(dirname(place.path));
}

/** Returns whether a volume has the wanted capacity: LVM rounds it up to whole extents. */
async function isCapacity(
  there: bigint,
  wanted: bigint,
  { group }: Place,
  signal: AbortSignal,
): Promise<boolean> {
  if (there === wanted || group === undefined || there < wanted) return there === wanted;
  return there - wanted < (await readExtentSize(group, { signal }));
}

/** Makes the folder of a volume as it would be if no task had been cut: synced, and without unfinished files of it. */
async function settleFolder(path: string): Promise<void> {
  await sweepUnfinished(path);
  await syncFolder(dirname(path));
}

async function remove(deps: VolumeDeps, { task, signal }: TaskRun): Promise<void> {
  const { volume } = check(z.object({ volume: volumeRefSchema }), task.verb.value, 'delete_volume');
  const place = await expectPool(deps.findPool, volume);
  if (await isAmong(place.path, await deps.inUse(signal))) {
    throw new TaskFailure(TaskErrorCode.CONFLICT, `a VM of this host uses ${volume.name}`);
  }
  const image = await findImageBackedBy(place.path, placesOf(await deps.pools()));
  if (image !== undefined) {
    const what = `${image} uses ${volume.name} as its backing file`;
    throw new TaskFailure(TaskErrorCode.CONFLICT, what);
  }
  if (place.group === undefined) {
    await rm(place.path, { force: true });
    // A hidden file of a task that was cut may be another name of the same data.
    await settleFolder(place.path);
    return;
  }
  const [snapshot] = await readSnapshots(place.group, volume.name, { signal });
  if (snapshot !== undefined) {
    const what = `${snapshot} is a snapshot of ${volume.name}, and would be removed with it`;
    throw new TaskFailure(TaskErrorCode.CONFLICT, what);
  }
  if ((await capacityOf(place, 'raw')) === undefined) return;
  await run('lvremove', ['--yes', `${place.group}/${volume.name}`], { timeout: PATIENCE, signal });
}

/** Returns the folders and devices to search for images with a volume as backing file: those of pools that answer. */
function placesOf(pools: readonly Pool[]): ImagePlaces {
  const answering = pools.filter(({ health }) => health === 'healthy' || health === 'degraded');
  return {
    folders: answering.flatMap(({ path }) => (path === null ? [] : [path])),
    images: answering
      .filter(({ kind }) => kind !== 'lvm')
      .flatMap(({ path, volumes }) => volumes.filter((one) => dirname(one.path) !== path))
      .map(({ path }) => path),
    devices: answering
      .filter(({ kind }) => kind === 'lvm')
      .flatMap(({ volumes }) => volumes.map(({ path }) => path)),
  };
}
