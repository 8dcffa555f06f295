import type { Pool } from '../api/storage.ts';
import type { Vms } from '../api/vms.ts';

/** Describes the changes of virtual machines between two reads, in lines for a log. */
export function describeVmChanges(before: Vms | undefined, after: Vms): string[] {
  const lines: string[] = [];
  if (!after.libvirt.available) return [after.libvirt.problem];
  if (before?.libvirt.available !== true) lines.push(`libvirt ${after.libvirt.version} answers`);
  const known = new Map(before?.vms.map((vm) => [vm.id, vm]));
  for (const { id, name, state } of after.vms) {
    const old = known.get(id);
    known.delete(id);
    if (old?.state !== state) lines.push(`VM ${name} (${id}): ${old?.state ?? 'new'} → ${state}`);
  }
  for (const { id, name } of known.values()) lines.push(`VM ${name} (${id}): gone`);
  return lines;
}

/** Describes the changes of storage pools between two reads, in lines for a log. */
export function describePoolChanges(
  before: readonly Pool[] | undefined,
  after: readonly Pool[],
): string[] {
  const known = new Map(before?.map((pool) => [pool.id, pool]));
  const lines = after.flatMap(({ id, name, health, problem }) => {
    const old = known.get(id)?.health ?? 'new';
    known.delete(id);
    const why = problem === null ? '' : `: ${problem}`;
    return old === health ? [] : [`storage pool ${name}: ${old} → ${health}${why}`];
  });
  return [...lines, ...[...known.values()].map(({ name }) => `storage pool ${name}: gone`)];
}
