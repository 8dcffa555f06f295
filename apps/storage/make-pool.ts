import { randomUUID } from 'node:crypto';
import { readMounts } from '../host/mounts.ts';
import { run } from '../process/run.ts';
import { startService } from '../services/control.ts';
import { type BlockDevice, readBlockDevices } from './block-devices.ts';
import { findCandidates } from './candidates.ts';
import { claimDisk, isLvm, readEnds, wipe } from './contents.ts';
import type { PoolDeclaration } from './declaration.ts';
import { StorageError } from './error.ts';
import { awaitTargetMultipaths, logIn, readTargetDisks } from './iscsi.ts';
import { hasPaths } from './keeper.ts';
import { parseFileSystem } from './superblock.ts';

/** Milliseconds that making a file system or a volume group may take. */
const MAKE_LIMIT = 50_000;

/** Program that makes LVM's list of devices persistent. */
const KEEP_DEVICES = '/usr/lib/quantix/storage/lvm-devices';

/** A pool to make or import. */
export interface PoolRequest {
  /** The declaration, except for the disk. */
  pool: Pick<
    PoolDeclaration,
    'name' | 'path' | 'nfs' | 'directory' | 'iscsi' | 'multipath' | 'options'
  >;
  /**
   * Paths of its disks. If absent, a pool with `iscsi` uses the disks that the target provides; any other pool is not on
   * disks.
   */
  disks?: readonly string[] | undefined;
  /** Whether to make a volume group of the disks, instead of a file system on one disk. */
  lvm?: boolean | undefined;
  /** Serial number of the disk whose contents may be lost, or its path if it has none. */
  destroy?: string | undefined;
}

/** Dependencies; those of this machine if absent. */
export interface MakeOptions {
  devices?: (() => Promise<readonly BlockDevice[]>) | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * Makes a pool: a file system or a volume group on disks, or a folder. A disk with contents is wiped first, if
 * `destroy` permits it. For an NFS export, which must exist, nothing is made.
 * @returns the declaration of the pool
 * @throws StorageError, CommandError that say why the pool was not made
 */
export async function createPool(
  request: PoolRequest,
  options: MakeOptions = {},
): Promise<PoolDeclaration> {
  const { pool, lvm = false, destroy } = request;
  if (pool.directory !== undefined) {
    await expectOnDisk(pool);
    await run('mkdir', ['-p', '--', pool.directory], { timeout: MAKE_LIMIT, ...options });
  }
  if (!isOnDisks(request)) return pool;
  const paths = await disksOf(request, options.signal);
  const claimed = [];
  for (const path of paths) claimed.push(await claimDisk(path, { destroy, ...options }));
  const [first] = claimed;
  if (first === undefined || (claimed.length > 1 && !lvm)) {
    throw new StorageError({
      what: `a file system needs one disk, and ${claimed.length} are given`,
      fix: 'Make a volume group of them with --lvm, or name one.',
    });
  }
  for (const { hasContents, disk } of claimed)
    if (hasContents) await wipe(disk.path, options.signal);
  return lvm
    ? await makeGroup(pool, paths, options.signal)
    : await makeFileSystem(pool, first.disk, options.signal);
}

/**
 * Imports an existing pool: the file system of a disk, the volume group of disks, a folder, or an export. Writes
 * nothing to it.
 * @returns the declaration of the pool
 * @throws StorageError, CommandError that say why it cannot be imported
 */
export async function importPool(
  request: PoolRequest,
  options: MakeOptions = {},
): Promise<PoolDeclaration> {
  const { pool } = request;
  if (pool.directory !== undefined) await expectOnDisk(pool);
  if (!isOnDisks(request)) return pool;
  const devices = options.devices ?? readBlockDevices;
  const paths = await disksOf(request, options.signal);
  const heads = await Promise.all(
    paths.map(async (path) => ({ path, ends: await readEnds(path, options.signal) })),
  );
  if (heads.every(({ ends }) => isLvm(ends))) return await takeGroup(pool, paths, options.signal);
  const [first] = heads;
  const system = first === undefined ? null : parseFileSystem(first.ends);
  if (first === undefined || heads.length > 1 || system === null) {
    throw new StorageError({
      what: `there is no file system or volume group on ${paths.join(', ')}`,
      fix: 'Make one with: qx-node pool create',
    });
  }
  const serial = (await devices()).find(({ path }) => path === first.path)?.serial;
  return { ...pool, disk: system.uuid, ...(serial ? { serial } : {}) };
}

function isOnDisks({ pool, disks = [] }: PoolRequest): boolean {
  return disks.length > 0 || pool.iscsi !== undefined;
}

/** Returns the disks of a request, or those that its target provides. */
async function disksOf(
  { pool, disks = [] }: PoolRequest,
  signal: AbortSignal | undefined,
): Promise<readonly string[]> {
  const { iscsi } = pool;
  if (hasPaths(pool)) await startService('multipathd', { signal });
  if (iscsi === undefined) return disks;
  await startService('iscsid', { signal });
  await logIn(iscsi, signal);
  if (disks.length > 0) return disks;
  const names = hasPaths(pool)
    ? await awaitTargetMultipaths(iscsi.target, signal)
    : await readTargetDisks(iscsi.target);
  return names.map((name) => `/dev/${name}`);
}

/** Checks that the folder of a pool is on a disk. @throws StorageError if it is in memory */
async function expectOnDisk(pool: PoolRequest['pool']): Promise<void> {
  const [candidate] = findCandidates(await readMounts(), [pool]);
  if (candidate?.mount !== null) return;
  throw new StorageError({
    what: `${pool.directory} is on no disk: what is written there is in memory`,
    fix: 'Name a folder below /data or below another pool.',
  });
}

async function makeFileSystem(
  pool: PoolRequest['pool'],
  { path, serial }: BlockDevice,
  signal: AbortSignal | undefined,
): Promise<PoolDeclaration> {
  const disk = randomUUID();
  const args = ['-q', '-F', '-E', 'nodiscard', '-m', '0', '-U', disk, path];
  await run('mkfs.ext4', args, { timeout: MAKE_LIMIT, signal });
  return { ...pool, disk, ...(serial === null || hasPaths(pool) ? {} : { serial }) };
}

async function makeGroup(
  pool: PoolRequest['pool'],
  paths: readonly string[],
  signal: AbortSignal | undefined,
): Promise<PoolDeclaration> {
  await run(KEEP_DEVICES, ['keep'], { timeout: MAKE_LIMIT, signal });
  await run('vgcreate', ['--yes', '--', pool.name, ...paths], { timeout: MAKE_LIMIT, signal });
  return { ...pool, lvm: pool.name };
}

async function takeGroup(
  pool: PoolRequest['pool'],
  paths: readonly string[],
  signal: AbortSignal | undefined,
): Promise<PoolDeclaration> {
  const options = { timeout: MAKE_LIMIT, signal };
  await run(KEEP_DEVICES, ['keep'], options);
  for (const path of paths) await run('lvmdevices', ['--yes', '--adddev', path], options);
  const fields = ['--noheadings', '-o', 'vg_name', '--', ...paths];
  const values = (await run('pvs', fields, options)).split('\n').map((line) => line.trim());
  const [group, ...others] = [...new Set(values)];
  if (group !== undefined && group !== '' && others.length === 0) return { ...pool, lvm: group };
  for (const path of paths) await run('lvmdevices', ['--yes', '--deldev', path], options);
  throw new StorageError({ what: `there is not exactly one volume group on ${paths.join(', ')}` });
}

/** Deactivates a volume group, and removes its disks from LVM's list of devices. */
export async function releaseGroup(group: string, signal?: AbortSignal): Promise<void> {
  const options = { timeout: MAKE_LIMIT, signal };
  await run('vgchange', ['--activate', 'n', '--', group], options);
  const fields = ['--noheadings', '-o', 'pv_uuid', '--select', `vg_name=${group}`];
  const values = (await run('pvs', fields, options)).split('\n').map((line) => line.trim());
  for (const id of values.filter((one) => one !== '')) {
    await run('lvmdevices', ['--yes', '--delpvid', id], options);
  }
}
