import { setTimeout as wait } from 'node:timers/promises';
import { readMounts } from '../host/mounts.ts';
import { run } from '../process/run.ts';
import { startService } from '../services/control.ts';
import type { BlockDevice } from './block-devices.ts';
import { findCandidates } from './candidates.ts';
import { type PoolDeclaration, placeOf } from './declaration.ts';
import { isExplainedByStorage, StorageError } from './error.ts';
import { DiskFinder } from './find-disk.ts';
import { isSilent, logIn, readTargetDisks } from './iscsi.ts';
import { coverFolder, mountPool, readCoveredFolders, unmountPool } from './mounting.ts';

/** Milliseconds that LVM may take to find and activate a volume group. */
const ACTIVATION_LIMIT = 60_000;

/** Dependencies of a keeper; those of this machine if absent. */
export interface KeeperOptions {
  devices?: (() => Promise<readonly BlockDevice[]>) | undefined;
  start?: ((service: string, signal?: AbortSignal) => Promise<void>) | undefined;
}

/**
 * Brings up declared pools, and unmounts pools that are no longer declared. A pool that fails is tried again at the
 * next call. A slow pool continues in the background, and delays only pools that are inside it.
 */
export class PoolKeeper {
  readonly #disks: DiskFinder;
  readonly #start: (service: string, signal?: AbortSignal) => Promise<void>;
  readonly #problems = new Map<string, string>();
  #silent: ReadonlyMap<string, { why: string; disks: string[] }> = new Map();
  readonly #lingering = new Map<string, string>();
  readonly #running = new Map<string, { declaration: PoolDeclaration; isUp: Promise<boolean> }>();
  readonly #active = new Set<string>();

  constructor({ devices, start }: KeeperOptions = {}) {
    this.#disks = new DiskFinder(devices);
    this.#start = start ?? ((service, signal) => startService(service, { signal }));
  }

  /** Returns why a pool is not up; `undefined` if it is, or was not tried yet. */
  problemOf(name: string): string | undefined {
    return this.#problems.get(name);
  }

  /** Returns the declarations that are being tried at this moment. */
  trying(): PoolDeclaration[] {
    return [...this.#running.values()].map(({ declaration }) => declaration);
  }

  /** Returns whether a pool is up: mounted at this moment, or a volume group that was activated. */
  async isUp(declaration: PoolDeclaration): Promise<boolean> {
    const { nfs, disk, lvm, name } = declaration;
    if (lvm !== undefined) return this.#active.has(lvm);
    if (nfs === undefined && disk === undefined) return true;
    const [candidate] = findCandidates(await readMounts(), [declaration]);
    return candidate?.mount !== null && candidate?.name === name;
  }

  /** Returns why a pool that is up does not answer, according to its connection. */
  silenceOf(name: string): string | undefined {
    return this.#silent.get(name)?.why;
  }

  /** Returns the disks that do not answer, which must not be read. */
  silentDisks(): string[] {
    return [...this.#silent.values()].flatMap(({ disks }) => disks);
  }

  /** Returns what prevents pools that are no longer declared from being unmounted, one line each. */
  lingering(): string[] {
    return [...this.#lingering.keys()].flatMap((path) => this.lingeringAt(path) ?? []);
  }

  /** Returns the line of `lingering` about one mount point; undefined if there is none. */
  lingeringAt(path: string): string | undefined {
    const why = this.#lingering.get(path);
    return why === undefined
      ? undefined
      : `${path} is no longer a pool, but is still mounted: ${why}`;
  }

  /** Makes the next call of `bringUp` activate a volume group again. */
  forget(group: string): void {
    this.#active.delete(group);
  }

  /**
   * Brings up the pools that are not up, each after the pool that contains its folder.
   * @param patience milliseconds to wait for them
   */
  async bringUp(
    declarations: readonly PoolDeclaration[],
    { patience, signal }: { patience: number; signal?: AbortSignal | undefined },
  ): Promise<void> {
    this.#silent = await findSilent(declarations);
    await this.#withdraw(declarations, signal);
    const outermostFirst = declarations.toSorted((a, b) => placeOf(a).length - placeOf(b).length);
    const tries = new Map<PoolDeclaration, Promise<boolean>>();
    for (const declaration of outermostFirst) {
      const around = [...tries].filter(([other]) => isNestedIn(declaration, other));
      tries.set(declaration, this.#try(declaration, around, signal));
    }
    const over = new AbortController();
    const late = wait(patience, undefined, { signal: over.signal }).catch(() => undefined);
    await Promise.race([Promise.all(tries.values()), late]);
    over.abort();
    signal?.throwIfAborted();
  }

  /** Tries a pool, at most once at a time. @returns whether it is up */
  #try(
    declaration: PoolDeclaration,
    around: readonly (readonly [PoolDeclaration, Promise<boolean>])[],
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    const key = JSON.stringify(declaration);
    const before = this.#running.get(key);
    if (before !== undefined) return before.isUp;
    const isUp = this.#settle(declaration, around, signal);
    this.#running.set(key, { declaration, isUp });
    const free = () => this.#running.delete(key);
    isUp.then(free, free);
    return isUp;
  }

  async #settle(
    declaration: PoolDeclaration,
    around: readonly (readonly [PoolDeclaration, Promise<boolean>])[],
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    const { name } = declaration;
    try {
      for (const [{ name: other }, isUp] of around) {
        if (!(await isUp)) throw new StorageError({ what: `the pool ${other} is not up` });
      }
      await this.#ensure(declaration, signal);
      this.#problems.delete(name);
      return true;
    } catch (error) {
      if (signal?.aborted) return false;
      if (!isExplainedByStorage(error)) throw error;
      this.#problems.set(name, error.message.replace(/\.$/, ''));
      return false;
    }
  }

  async #ensure(declaration: PoolDeclaration, signal: AbortSignal | undefined): Promise<void> {
    if (await this.isUp(declaration)) return;
    const { nfs, disk, lvm } = declaration;
    if (lvm !== undefined) return await this.#activate(declaration, lvm, signal);
    const path = placeOf(declaration);
    await coverFolder(path, signal);
    if (nfs !== undefined) {
      const options = nfsOptions(declaration.options ?? []);
      if (isVersion3(options)) await this.#start('rpc.statd', signal);
      await mountPool({ type: 'nfs', source: nfs, path, options }, signal);
    } else if (disk !== undefined) {
      await this.#connect(declaration, signal);
      const { serial, options = [] } = declaration;
      const wanted = { uuid: disk, serial, multipath: hasPaths(declaration) };
      const { device, type } = await this.#disks.find(wanted, signal);
      await mountPool({ type, source: device, path, options }, signal);
    }
  }

  /** Connects the disks of a pool. */
  async #connect(declaration: PoolDeclaration, signal: AbortSignal | undefined): Promise<void> {
    const { iscsi } = declaration;
    if (hasPaths(declaration)) await this.#start('multipathd', signal);
    if (iscsi === undefined) return;
    await this.#start('iscsid', signal);
    await logIn(iscsi, signal);
  }

  async #activate(
    declaration: PoolDeclaration,
    group: string,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    await this.#connect(declaration, signal);
    await run('vgchange', ['--activate', 'y', '--', group], {
      timeout: ACTIVATION_LIMIT,
      signal,
    });
    this.#active.add(group);
  }

  /** Unmounts pools that this program has mounted and that are no longer declared. */
  async #withdraw(
    declarations: readonly PoolDeclaration[],
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const wanted = declarations.map(placeOf);
    const covered = (await readCoveredFolders()).filter((path) => !wanted.includes(path));
    const innermostFirst = [...new Set(covered)].sort((a, b) => b.length - a.length);
    this.#lingering.clear();
    for (const path of innermostFirst) {
      try {
        await unmountPool(path, signal);
      } catch (error) {
        signal?.throwIfAborted();
        if (!isExplainedByStorage(error)) throw error;
        this.#lingering.set(path, error.message);
      }
    }
  }
}

/** Finds the pools whose target does not answer, by name. */
async function findSilent(declarations: readonly PoolDeclaration[]) {
  const silent = new Map<string, { why: string; disks: string[] }>();
  for (const { name, iscsi } of declarations) {
    if (iscsi === undefined || !(await isSilent(iscsi.target))) continue;
    const disks = (await readTargetDisks(iscsi.target)).map((disk) => `/dev/${disk}`);
    silent.set(name, { why: `${iscsi.target} does not answer`, disks });
  }
  return silent;
}

/** Returns whether a pool's folder is inside another pool's. */
function isNestedIn(inner: PoolDeclaration, outer: PoolDeclaration): boolean {
  return placeOf(inner).startsWith(`${placeOf(outer)}/`);
}

/** Returns whether the disk of a pool has several paths; by default, it does with several portals. */
export function hasPaths({ iscsi, multipath }: PoolDeclaration): boolean {
  return multipath ?? (iscsi !== undefined && iscsi.portals.length > 1);
}

/**
 * Returns the mount options. The default is NFS version 4, which needs no further services. Mounting does not wait for
 * an unreachable server, because it is tried again; once mounted, guests wait for the server and lose nothing (`hard`).
 */
function nfsOptions(options: readonly string[]): string[] {
  const version = options.some((one) => /^(nfs)?vers=/.test(one)) ? [] : ['nfsvers=4'];
  return [...version, 'retry=0', ...options];
}

function isVersion3(options: readonly string[]): boolean {
  return options.some((one) => /^(nfs)?vers=3$/.test(one));
}
