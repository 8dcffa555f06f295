import type { StoragePool } from '../../../proto/gen/quantix/v1/storage_pb.js';
import type { VirtualMachine } from '../../../proto/gen/quantix/v1/vm_pb.js';
import { formatPoolLine, formatVmLine, hashPools, hashVms } from '../../../proto/state-hash.ts';

/** The objects of a host, by id; `undefined` if they are not known. */
export interface Inventory {
  readonly vms: ReadonlyMap<string, VirtualMachine> | undefined;
  readonly pools: ReadonlyMap<string, StoragePool> | undefined;
}

/** An object that was added, changed or removed. */
export type Change =
  | { readonly kind: 'vm'; readonly id: string; readonly present: VirtualMachine | undefined }
  | { readonly kind: 'pool'; readonly id: string; readonly present: StoragePool | undefined };

/** Maps objects by their ids, sorted. */
export function mapById<T extends { id: string }>(objects: Iterable<T>): Map<string, T> {
  const sorted = [...objects].toSorted((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
  return new Map(sorted.map((one) => [one.id, one]));
}

/**
 * Returns the changes that turn `from` into `to`. A kind of objects that `to` does not know has no changes.
 * @returns `undefined` if `to` knows a kind of objects that `from` does not: a full state has to be sent
 */
export function listChanges(from: Inventory, to: Inventory): Change[] | undefined {
  if (to.vms !== undefined && from.vms === undefined) return undefined;
  if (to.pools !== undefined && from.pools === undefined) return undefined;
  return [
    ...differences(from.vms, to.vms, formatVmLine).map(
      ([id, present]): Change => ({ kind: 'vm', id, present }),
    ),
    ...differences(from.pools, to.pools, (pool) => formatPoolLine(pool) + pool.problem).map(
      ([id, present]): Change => ({ kind: 'pool', id, present }),
    ),
  ];
}

/** Returns the inventory after a change. */
export function withChange(inventory: Inventory, change: Change): Inventory {
  return change.kind === 'vm'
    ? { ...inventory, vms: changed(inventory.vms, change.id, change.present) }
    : { ...inventory, pools: changed(inventory.pools, change.id, change.present) };
}

/**
 * Computes the hashes of an inventory for the message `StateHash`; a hash is empty if its objects are not known.
 * @param form which fields of an object are hashed; see `StateHash.form`
 */
export function computeStateHash(
  { vms, pools }: Inventory,
  form: number,
): { vms: string; pools: string; form: number } {
  return {
    form,
    vms: vms === undefined ? '' : hashVms(vms.values(), form),
    pools: pools === undefined ? '' : hashPools(pools.values(), form),
  };
}

function differences<T>(
  from: ReadonlyMap<string, T> | undefined,
  to: ReadonlyMap<string, T> | undefined,
  line: (object: T) => string,
): [id: string, present: T | undefined][] {
  if (from === undefined || to === undefined) return [];
  const gone = [...from.keys()].filter((id) => !to.has(id));
  const here = [...to].filter(([id, object]) => {
    const before = from.get(id);
    return before === undefined || line(before) !== line(object);
  });
  return [...gone.map((id): [string, undefined] => [id, undefined]), ...here];
}

function changed<T>(
  objects: ReadonlyMap<string, T> | undefined,
  id: string,
  present: T | undefined,
): ReadonlyMap<string, T> {
  const copy = new Map(objects);
  if (present === undefined) copy.delete(id);
  else copy.set(id, present);
  return copy;
}
