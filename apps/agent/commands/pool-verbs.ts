import * as z from 'zod';
import { type AssignedPool, PoolType } from '../../proto/gen/quantix/v1/storage_pb.js';
import { type Task, TaskErrorCode } from '../../proto/gen/quantix/v1/task_pb.js';
import type { Executor, Verb } from './commander.ts';
import { TaskFailure } from './failure.ts';
import { check, uuidSchema } from './vm-spec.ts';

/** Dependencies of operations on pools. */
export interface PoolDeps {
  /**
   * Mounts a pool in addition to those that are assigned.
   * @returns `StoragePool.id`
   * @throws StorageError that says why it is not mounted
   */
  readonly mount: (pool: AssignedPool) => Promise<string>;
  /** Unmounts an assigned pool; does nothing if it does not exist. @throws StorageError while it is in use */
  readonly unmount: (id: string) => Promise<void>;
  /** Returns whether a virtual machine of this host has a disk in a pool. @throws LibvirtError */
  readonly isInUse: (id: string, signal: AbortSignal) => Promise<boolean>;
}

const poolSchema = z.object({
  id: uuidSchema,
  name: z.string().min(1),
  type: z.enum(PoolType),
  source: z.string().min(1),
  mountOptions: z.array(z.string()),
});

/** Makes the executors for storage pools. */
export function makePoolVerbs(deps: PoolDeps): Partial<Record<Verb, Executor>> {
  // Tasks on pools run one after another: a pool may be inside another one.
  const objectOf = () => 'pools';
  return {
    mountPool: {
      objectOf,
      carryOut: async ({ task }) => {
        const pool = task.verb.case === 'mountPool' ? task.verb.value.pool : undefined;
        check(poolSchema, pool, 'pool');
        return pool === undefined ? {} : { poolId: await deps.mount(pool) };
      },
    },
    unmountPool: {
      objectOf,
      carryOut: async ({ task, signal }) => {
        const id = check(z.string().min(1).max(256), idOf(task), 'pool_id');
        if (await deps.isInUse(id, signal)) {
          const what = 'a virtual machine of this host has a disk in the pool';
          throw new TaskFailure(TaskErrorCode.CONFLICT, what);
        }
        await deps.unmount(id);
        return {};
      },
    },
  };
}

function idOf({ verb }: Task): string {
  return verb.case === 'unmountPool' ? verb.value.poolId : '';
}
