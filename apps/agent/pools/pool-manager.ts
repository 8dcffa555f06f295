import { isDeepStrictEqual } from 'node:util';
import type { PoolRequest as ApiRequest } from '../../api/storage.ts';
import type { AssignedPool } from '../../proto/gen/quantix/v1/storage_pb.js';
import {
  type PoolDeclaration,
  placeOf,
  poolDeclarationsSchema,
} from '../../storage/declaration.ts';
import { StorageError } from '../../storage/error.ts';
import { logOut } from '../../storage/iscsi.ts';
import type { PoolKeeper } from '../../storage/keeper.ts';
import { createPool, importPool, releaseGroup } from '../../storage/make-pool.ts';
import { declarePool, withdrawPool } from '../configuration/node-config.ts';
import { type Assignment, keepAssigned, toDeclarations } from './assigned-pools.ts';

/** Milliseconds to wait for a pool that is added or removed. */
const PATIENCE = 40_000;

export interface PoolManagerOptions {
  /** Path of `node.yaml`. */
  file: string;
  /** Pools that `node.yaml` declares. */
  declared: readonly PoolDeclaration[];
  /** File with the pools that the control plane assigned. */
  assignedFile: string;
  /** Pools in that file. */
  assigned: readonly PoolDeclaration[];
  keeper: PoolKeeper;
  /** Called after pools were added or removed. */
  onChange: () => void;
  signal: AbortSignal;
}

/** Adds and removes pools of this host, one operation at a time. */
export class PoolManager {
  readonly #options: PoolManagerOptions;
  #declared: readonly PoolDeclaration[];
  #assignment: Assignment;
  /** The control plane's id of a pool → name of the pool, as received since the agent started. */
  readonly #names = new Map<string, string>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: PoolManagerOptions) {
    this.#options = options;
    this.#declared = options.declared;
    this.#assignment = { pools: options.assigned, problems: [], refused: new Map() };
  }

  /** Returns all pools that this host should have: those of `node.yaml` and of the control plane. */
  declared(): readonly PoolDeclaration[] {
    return [...this.#declared, ...this.#assignment.pools];
  }

  /** Returns the problems of the control plane's pools, one line each. */
  problems(): readonly string[] {
    return this.#assignment.problems;
  }

  /** Replaces the assigned pools; pools that are no longer assigned are unmounted. */
  assign(pools: readonly AssignedPool[]): Promise<void> {
    return this.#inTurn(async () => {
      const { assignedFile, onChange } = this.#options;
      this.#names.clear();
      for (const { id, name } of pools) this.#names.set(id, name);
      const assignment = toDeclarations(pools, this.#declared);
      const isNew = !isDeepStrictEqual(assignment.pools, this.#assignment.pools);
      if (isNew) await keepAssigned(assignedFile, assignment.pools);
      this.#assignment = assignment;
      if (isNew) onChange();
    });
  }

  /** Returns the state of the pools that the control plane has assigned since the agent started. */
  results(): { id: string; name: string; problem: string | null }[] {
    const { keeper } = this.#options;
    return [...this.#names].map(([id, name]) => ({
      id,
      name,
      problem: this.#assignment.refused.get(name) ?? keeper.problemOf(name) ?? null,
    }));
  }

  /** Returns the name of a pool by the control plane's id; undefined if it is not known. */
  nameOf(assignedId: string): string | undefined {
    return this.#names.get(assignedId);
  }

  /**
   * Adds a pool permanently to the assigned ones, and brings it up.
   * @throws StorageError, CommandError, ServiceError that say why it failed; the pool is then not assigned
   */
  assignAlso(pool: AssignedPool): Promise<void> {
    return this.#inTurn(async () => {
      const { keeper, signal } = this.#options;
      const others = this.#assignment.pools.filter(({ name }) => name !== pool.name);
      const { pools, problems } = toDeclarations([pool], [...this.#declared, ...others]);
      const [problem] = problems;
      if (problem !== undefined) throw new StorageError({ what: problem });
      await this.#reassign([...others, ...pools], async () => {
        await keeper.bringUp(this.declared(), { patience: PATIENCE, signal });
        await this.#expectUp(pool.name);
      });
      this.#names.set(pool.id, pool.name);
    });
  }

  /**
   * Removes an assigned pool; does nothing if it does not exist. Its contents stay.
   * @throws StorageError, CommandError if it is in use; then it stays assigned
   */
  withdraw(name: string): Promise<void> {
    return this.#inTurn(async () => {
      const { keeper, signal } = this.#options;
      const gone = this.#assignment.pools.find((pool) => pool.name === name);
      if (gone === undefined) return;
      const others = this.#assignment.pools.filter((pool) => pool !== gone);
      await this.#reassign(others, async () => {
        await keeper.bringUp(this.declared(), { patience: PATIENCE, signal });
        const lingering = keeper.lingeringAt(placeOf(gone));
        if (lingering !== undefined) throw new StorageError({ what: lingering });
      });
    });
  }

  /** Assigns pools and runs `work`; restores the previous assignment if that fails. */
  async #reassign(pools: readonly PoolDeclaration[], work: () => Promise<void>): Promise<void> {
    const { assignedFile, keeper, signal, onChange } = this.#options;
    const before = this.#assignment;
    this.#assignment = { ...before, pools };
    try {
      await work();
      await keepAssigned(assignedFile, pools);
    } catch (error) {
      this.#assignment = before;
      await keeper.bringUp(this.declared(), { patience: PATIENCE, signal });
      throw error;
    } finally {
      onChange();
    }
  }

  /**
   * Creates or imports a pool, brings it up and declares it permanently.
   * @throws StorageError, CommandError, ServiceError that say why it failed; the pool is then not declared
   */
  add({ action, pool, ...request }: ApiRequest): Promise<void> {
    return this.#inTurn(async () => {
      const { keeper, file, signal } = this.#options;
      const before = this.declared();
      check([...before, isOnDisks(request, pool) ? { ...pool, disk: NO_DISK } : pool]);
      const make = action === 'create' ? createPool : importPool;
      const declaration = await make({ pool, ...request }, { signal });
      const { name } = declaration;
      const after = check([...before, declaration]);
      await this.#change([...this.#declared, declaration], async () => {
        await keeper.bringUp(after, { patience: PATIENCE, signal });
        await this.#expectUp(name);
        await declarePool(file, declaration);
      });
    });
  }

  /**
   * Removes a declared pool: unmounts or deactivates it. Its contents stay.
   * @throws StorageError, CommandError if there is no such pool, or it is in use; it then stays declared
   */
  remove(name: string): Promise<void> {
    return this.#inTurn(async () => {
      const { keeper, file, signal } = this.#options;
      const gone = this.#declared.find((pool) => pool.name === name);
      if (gone === undefined) {
        throw new StorageError({ what: `there is no pool ${JSON.stringify(name)} in ${file}` });
      }
      const after = this.#declared.filter((pool) => pool !== gone);
      const target = gone.iscsi?.target;
      await this.#change(after, async () => {
        if (gone.lvm !== undefined) {
          await releaseGroup(gone.lvm, signal);
          keeper.forget(gone.lvm);
        }
        await keeper.bringUp(this.declared(), { patience: PATIENCE, signal });
        const lingering = keeper.lingeringAt(placeOf(gone));
        if (lingering !== undefined) throw new StorageError({ what: lingering });
        if (target !== undefined && !after.some(({ iscsi }) => iscsi?.target === target)) {
          await logOut(target, signal);
        }
        await withdrawPool(file, name);
      });
    });
  }

  /** Declares pools and runs `work`; restores the previous declarations if that fails. */
  async #change(after: readonly PoolDeclaration[], work: () => Promise<void>): Promise<void> {
    const { keeper, signal, onChange } = this.#options;
    const before = this.#declared;
    this.#declared = after;
    try {
      await work();
    } catch (error) {
      this.#declared = before;
      await keeper.bringUp(this.declared(), { patience: PATIENCE, signal });
      throw error;
    } finally {
      onChange();
    }
  }

  /** Checks that a pool is up after the wait for it. @throws StorageError that says why it is not */
  async #expectUp(name: string): Promise<void> {
    const { keeper } = this.#options;
    const late = keeper.trying().find((one) => one.name === name);
    const isLate = late !== undefined && !(await keeper.isUp(late));
    const why = isLate ? `not within ${PATIENCE / 1000} s` : keeper.problemOf(name);
    if (why === undefined) return;
    throw new StorageError({ what: `the pool ${name} does not come up: ${why}` });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#last.then(work, work);
    this.#last = next;
    return next;
  }
}

/** Placeholder, while a declaration is checked, for the UUID of a file system that does not exist yet. */
const NO_DISK = '00000000-0000-0000-0000-000000000000';

function isOnDisks(
  { disks = [] }: Pick<ApiRequest, 'disks'>,
  { iscsi }: ApiRequest['pool'],
): boolean {
  return disks.length > 0 || iscsi !== undefined;
}

/** Checks declarations. @throws StorageError saying what is wrong */
function check(declarations: readonly unknown[]): PoolDeclaration[] {
  const parsed = poolDeclarationsSchema.safeParse(declarations);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const key = issue?.path.slice(1).join('.') ?? '';
  throw new StorageError({
    what: key === '' ? `pools: ${issue?.message}` : `${key}: ${issue?.message}`,
  });
}
