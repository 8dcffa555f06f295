import type { Mount } from '../host/mounts.ts';
import { type PoolDeclaration, placeOf } from './declaration.ts';
import { isSystemPath } from './system-path.ts';

/** A pool that exists or is declared. */
export interface Candidate {
  name: string;
  kind: 'filesystem' | 'nfs' | 'directory';
  /** Identifier that does not depend on reading the device. */
  id: string | null;
  /** Folder of its volumes; `null` for an NFS pool that is not mounted. */
  path: string | null;
  /** A device or `server:/export`; the declared one if nothing is mounted. */
  source: string;
  /** `null` if it is not mounted. */
  mount: Mount | null;
  /** True if it is only for volumes, so that a test file may be written to it. */
  isOurs: boolean;
}

const LOCAL: readonly string[] = ['ext2', 'ext3', 'ext4', 'xfs', 'btrfs'];
const NFS: readonly string[] = ['nfs', 'nfs4'];

/** Mount point of the appliance's data partition. */
const DATA = '/data';

/**
 * Finds the pools in mounts and declarations, except for volume groups. A pool is a mount, not a path prefix: `/data`
 * neither includes `/data2`, nor a mount at `/data/pools/x`. A file system that is mounted several times is one pool.
 */
export function findCandidates(
  mounts: readonly Mount[],
  declarations: readonly PoolDeclaration[],
): Candidate[] {
  const declared = declarations
    .filter(({ lvm }) => lvm === undefined)
    .map((declaration) => fromDeclaration(declaration, mounts));
  const taken = declared
    .filter(({ kind }) => kind !== 'directory')
    .flatMap(({ mount }) => (mount === null ? [] : [identity(mount)]));
  const discovered = wholeFileSystems(mounts).filter((mount) => !taken.includes(identity(mount)));
  return [...declared, ...discovered.map(fromMount)];
}

function fromDeclaration(declaration: PoolDeclaration, mounts: readonly Mount[]): Candidate {
  const { name, nfs, disk, directory } = declaration;
  if (nfs !== undefined) {
    const place = declaration.path;
    const mount =
      mounts.find(
        (one) =>
          isNfs(one) &&
          exportOf(one.source) === exportOf(nfs) &&
          (place === undefined || one.path === place),
      ) ?? null;
    const source = exportOf(nfs);
    return {
      name,
      kind: 'nfs',
      id: source,
      path: mount?.path ?? null,
      source,
      mount,
      isOurs: true,
    };
  }
  const id = disk ?? `declared:${name}`;
  if (directory !== undefined) {
    const mount = mountOf(directory, mounts);
    const source = mount?.source ?? directory;
    return { name, kind: 'directory', id, path: directory, source, mount, isOurs: true };
  }
  const place = placeOf(declaration);
  const mount = mounts.find((one) => one.path === place && isStorage(one)) ?? null;
  const kind = mount !== null && isNfs(mount) ? 'nfs' : 'filesystem';
  return { name, kind, id, path: place, source: mount?.source ?? place, mount, isOurs: true };
}

function fromMount(mount: Mount): Candidate {
  const { path, source } = mount;
  const name = path.slice(1).replaceAll('/', '-');
  return isNfs(mount)
    ? { name, kind: 'nfs', id: exportOf(source), path, source, mount, isOurs: false }
    : { name, kind: 'filesystem', id: null, path, source, mount, isOurs: path === DATA };
}

/** Returns one mount of each file system that is not the system's: the one with the shortest path. */
function wholeFileSystems(mounts: readonly Mount[]): Mount[] {
  const whole = mounts.filter((mount) => isStorage(mount) && isWhole(mount));
  const systems = whole.filter(({ path }) => isSystemPath(path)).map(identity);
  const found = new Map<string, Mount>();
  const shortestFirst = whole
    .filter((mount) => !systems.includes(identity(mount)))
    .sort((a, b) => a.path.length - b.path.length || (a.path < b.path ? -1 : 1));
  for (const mount of shortestFirst) {
    if (!found.has(identity(mount))) found.set(identity(mount), mount);
  }
  return [...found.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Returns false for a bind mount of a folder. Every subvolume of btrfs and every mount of NFS counts as whole. */
function isWhole({ root, type }: Mount): boolean {
  return root === '/' || type === 'btrfs' || NFS.includes(type);
}

/** Returns the mount that contains a folder, if that mount can hold volumes. */
function mountOf(folder: string, mounts: readonly Mount[]): Mount | null {
  const above = mounts.filter(
    ({ path }) => folder === path || folder.startsWith(path === '/' ? '/' : `${path}/`),
  );
  const [nearest] = above.sort((a, b) => b.path.length - a.path.length);
  return nearest !== undefined && isStorage(nearest) ? nearest : null;
}

function identity(mount: Mount): string {
  return isNfs(mount) ? exportOf(mount.source) : mount.device;
}

function isStorage({ type }: Mount): boolean {
  return LOCAL.includes(type) || NFS.includes(type);
}

function isNfs({ type }: Mount): boolean {
  return NFS.includes(type);
}

/** Normalizes `server:/export`: no slash at its end, except for the root of a server. */
function exportOf(source: string): string {
  return source.replace(/(?<=[^:])\/+$/, '');
}
