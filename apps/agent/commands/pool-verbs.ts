import * as z from 'zod';
import { type AssignedPool, PoolType } from '../../proto/gen/quantix/v1/storage_pb.js';
import { type Task, TaskErrorCode } from '../../proto/gen/quantix/v1/task_pb.js';
import type { Executor, Verb } from './commander.ts';
import { TaskFailure } from './failure.ts';
import { check, uuidSchema } from './vm-spec.ts';

/** What pools are acted upon with. */
export interface PoolWorld {
  /**
   * Brings a pool up besides those that were assigned.
   * @returns `StoragePool.id`
   * @throws StorageError why it cannot be
   */
  readonly mount: (pool: AssignedPool) => Promise<string>;
  /** Lets an assigned pool go; one that is not there is gone. @throws StorageError while something uses it */
  readonly unmount: (id: string) => Promise<void>;
  /** Whether a virtual machine of this host has a disk there. @throws LibvirtError */
  readonly isInUse: (id: string, signal: AbortSignal) => Promise<boolean>;
}

const poolSchema = z.object({
  id: uuidSchema,
  name: z.string().min(1),
  type: z.enum(PoolType),
  source: z.string().min(1),
  mountOptions: z.array(z.string()),
});

/** The verbs of storage pools. */
export function poolVerbs(world: PoolWorld): Partial<Record<Verb, Executor>> {
  // One after another: a pool may lie in another one.
  const objectOf = () => 'pools';
  return {
    mountPool: {
      objectOf,
      carryOut: async ({ task }) => {
        const pool = task.verb.case === 'mountPool' ? task.verb.value.pool : undefined;
        check(poolSchema, pool, 'pool');
        return pool === undefined ? {} : { poolId: await world.mount(pool) };
      },
    },
    unmountPool: {
      objectOf,
      carryOut: async ({ task, signal }) => {
        const id = check(z.string().min(1).max(256), idOf(task), 'pool_id');
        if (await world.isInUse(id, signal)) {
          const what = 'a virtual machine of this host has a disk in the pool';
          throw new TaskFailure(TaskErrorCode.CONFLICT, what);
        }
        await world.unmount(id);
        return {};
      },
    },
  };
}

function idOf({ verb }: Task): string {
  return verb.case === 'unmountPool' ? verb.value.poolId : '';
}
