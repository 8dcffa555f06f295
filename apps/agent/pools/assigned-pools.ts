import * as z from 'zod';
import { readIfThere, setAside, writeDurably } from '../../files/durable-file.ts';
import { type AssignedPool, PoolType } from '../../proto/gen/quantix/v1/storage_pb.js';
import {
  type PoolDeclaration,
  placeOf,
  poolDeclarationsSchema,
} from '../../storage/declaration.ts';

/** File with the assigned pools, beside `node.yaml`. */
export const ASSIGNED_POOLS = 'assigned-pools.json';

/** Usable pools that the control plane assigned, and the problems of those that are left out, one line each. */
export interface Assignment {
  pools: readonly PoolDeclaration[];
  problems: readonly string[];
  /** Name of each pool that is left out → why. */
  refused: ReadonlyMap<string, string>;
}

/**
 * Makes declarations from assigned pools. An invalid pool is reported and left out; so is a pool whose name or place
 * the administrator's declarations use already.
 */
export function toDeclarations(
  assigned: readonly Pick<AssignedPool, 'name' | 'type' | 'source' | 'mountOptions'>[],
  declared: readonly PoolDeclaration[],
): Assignment {
  const pools: PoolDeclaration[] = [];
  const problems: string[] = [];
  const refused = new Map<string, string>();
  for (const pool of assigned) {
    const parsed = poolDeclarationsSchema.safeParse([toDeclaration(pool)]);
    const [one] = parsed.data ?? [];
    const taken = [...declared, ...pools].find(
      (other) => one !== undefined && (other.name === one.name || placeOf(other) === placeOf(one)),
    );
    if (one !== undefined && taken === undefined) {
      pools.push(one);
      continue;
    }
    const [issue] = parsed.error?.issues ?? [];
    const why = issue?.message ?? `${taken?.name} has the same name or place`;
    refused.set(pool.name, why);
    problems.push(`the pool ${JSON.stringify(pool.name)} of the control plane is left out: ${why}`);
  }
  return { pools, problems, refused };
}

function toDeclaration({
  name,
  type,
  source,
  mountOptions,
}: Pick<AssignedPool, 'name' | 'type' | 'source' | 'mountOptions'>): object {
  const options = mountOptions.length === 0 ? {} : { options: mountOptions };
  switch (type) {
    case PoolType.NFS:
      return { name, nfs: source, ...options };
    case PoolType.FILESYSTEM:
      return { name, disk: source.replace(/^UUID=/i, ''), ...options };
    case PoolType.LVM:
      return { name, lvm: source };
    case PoolType.DIRECTORY:
      return { name, directory: source };
    default:
      return { name };
  }
}

/**
 * Reads the pools that were assigned last, so that a host can start without its control plane. A file that cannot be
 * parsed is set aside, and no pools are assigned until the control plane sends the whole list again.
 */
export async function readAssigned(file: string): Promise<readonly PoolDeclaration[]> {
  const text = await readIfThere(file);
  if (text === undefined) return [];
  try {
    return poolDeclarationsSchema.parse(JSON.parse(text));
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof z.ZodError)) throw error;
    await setAside(file);
    return [];
  }
}

/** Writes the assigned pools atomically. */
export async function keepAssigned(file: string, pools: readonly PoolDeclaration[]): Promise<void> {
  await writeDurably(file, `${JSON.stringify(pools, null, 2)}\n`, 0o600);
}
