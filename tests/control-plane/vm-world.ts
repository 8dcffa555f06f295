import {
  type Claim,
  type KnownVm,
  type KnownVms,
  type PowerState,
  type ReportedVm,
  reconcileVms,
  type VmChanges,
  type VmReport,
} from '../../apps/control-plane/reconciliation/reconcile.ts';

/** A control plane's records of virtual machines, in memory: the input of `reconcileVms`. */
export interface World {
  readonly vms: Map<string, KnownVm & { readonly name: string }>;
  readonly claims: Map<string, Map<string, ReportedVm>>;
}

function known({ vms, claims }: World, nodeId: string): KnownVms {
  const others = [...claims].flatMap(([node, own]) =>
    node === nodeId
      ? []
      : [...own].map(([vmId, { powerState }]) => ({
          vmId,
          nodeId: node,
          powerState,
          isHeard: true,
        })),
  );
  return {
    ...{ vms, own: claims.get(nodeId) ?? new Map() },
    others: Map.groupBy<string, Claim & { vmId: string }>(others, ({ vmId }) => vmId),
  };
}

function apply(world: World, nodeId: string, changes: VmChanges): World {
  const vms = new Map(world.vms);
  const own = new Map(world.claims.get(nodeId));
  for (const vm of [...changes.claimed, ...changes.changed]) own.set(vm.id, vm);
  for (const id of changes.unclaimed) own.delete(id);
  const found = { isLost: false, wasSeen: true };
  for (const vm of changes.discovered) {
    vms.set(vm.id, { ...vm, ...found, isManaged: false, conflict: [] });
  }
  const change = (id: string, to: Partial<KnownVm>) => vms.set(id, { ...vms.get(id)!, ...to });
  for (const { id, nodeId: node, powerState } of changes.placed) {
    change(id, { ...found, nodeId: node, powerState });
  }
  for (const id of changes.unknown) change(id, { powerState: 'UNKNOWN' });
  for (const id of changes.lost) change(id, { powerState: 'UNKNOWN', isLost: true });
  for (const { vmId, nodeIds } of changes.conflicts) change(vmId, { conflict: nodeIds });
  for (const id of changes.settled) change(id, { conflict: [] });
  for (const id of changes.removed) vms.delete(id);
  return { vms, claims: new Map(world.claims).set(nodeId, own) };
}

/** Applies a report. @returns the records afterwards, and the changes */
export function take(world: World, report: VmReport): { world: World; changes: VmChanges } {
  const changes = reconcileVms(known(world, report.nodeId), report);
  return { world: apply(world, report.nodeId, changes), changes };
}

/** Applies reports one after the other. */
export const run = (world: World, reports: readonly VmReport[]) =>
  reports.reduce((before, report) => take(before, report).world, world);

/** A report on a virtual machine. */
export function reported(id: string, powerState: PowerState, name = 'on the host'): ReportedVm {
  return { id, name, powerState, report: Buffer.from(`${id} ${name} ${powerState}`) };
}

/** Names of the managed machines. */
export const NAMES = ['web', 'mail'] as const;

/** Managed machines that nobody has reported yet, one for each name. */
export function defined(ids: readonly string[]): World {
  const vms = NAMES.map((name, index) => ({
    ...{
      id: ids[index] ?? '',
      name,
      nodeId: null,
      powerState: 'UNKNOWN' as const,
      isManaged: true,
    },
    ...{ isLost: false, wasSeen: false, conflict: [] },
  }));
  return { vms: new Map(vms.map((one) => [one.id, one])), claims: new Map() };
}
