import { isUuid } from '../../libvirt/uuid.ts';
import type { ValueOf } from '../database/values.ts';

/*
 * Derives the consequences of a node's report, as a pure function of what is known.
 *
 * Each node has a claim on each virtual machine that it reports. All claims together determine the node of a virtual
 * machine, so that it does not matter in which order two hosts report a migration:
 *  - a claim of a node that is heard takes precedence over one of a silent node,
 *  - a claim of a node that runs the virtual machine takes precedence over a claim of a node that only has it defined,
 *  - among equal claims, the present node keeps the virtual machine; otherwise, the node with the lowest id gets it.
 * If several nodes that are heard run the same virtual machine, there is a conflict: it is recorded, and the virtual
 * machine stays at its node.
 */

export type PowerState = ValueOf<'virtual_machines_power_state'>;

/** A node's report on one virtual machine. */
export interface ReportedVm {
  /** As it was sent: not necessarily a valid id. */
  readonly id: string;
  readonly name: string;
  readonly powerState: PowerState;
  /** The whole message as it is stored; equal bytes are an equal report. */
  readonly report: Uint8Array;
}

/** A node's report on one virtual machine, as it is stored. */
export interface Claim {
  readonly nodeId: string;
  readonly powerState: PowerState;
  /** Whether the node is heard, that is, not silent. */
  readonly isHeard: boolean;
}

/** A virtual machine as it is recorded. */
export interface KnownVm {
  readonly id: string;
  readonly nodeId: string | null;
  readonly powerState: PowerState;
  readonly isManaged: boolean;
  readonly isLost: boolean;
  /** Whether any host ever reported it. */
  readonly wasSeen: boolean;
  /** Nodes of its recorded conflict, sorted; empty without a conflict. */
  readonly conflict: readonly string[];
}

/** What is known before a report. */
export interface KnownVms {
  /** Virtual machines that are on the node or in its report. */
  readonly vms: ReadonlyMap<string, KnownVm>;
  /** Claims of this node: reports by id. */
  readonly own: ReadonlyMap<
    string,
    { readonly powerState: PowerState; readonly report: Uint8Array }
  >;
  /** Claims of other nodes, by id of the virtual machine. */
  readonly others: ReadonlyMap<string, readonly Claim[]>;
}

/** A node's report on its virtual machines. */
export interface VmReport {
  readonly nodeId: string;
  readonly present: readonly ReportedVm[];
  /** Whether `present` is complete; if not, absence means nothing. */
  readonly isComplete: boolean;
  /** Ids that are reported as gone. */
  readonly absent: readonly string[];
}

/** A virtual machine's node and power state. */
export interface Placement {
  readonly id: string;
  readonly nodeId: string;
  readonly powerState: PowerState;
}

/** The changes to record. */
export interface VmChanges {
  /** Claims of the node that are new. */
  readonly claimed: readonly ReportedVm[];
  /** Claims of the node that it had before, with another report. */
  readonly changed: readonly ReportedVm[];
  /** Claims of the node that have ended. */
  readonly unclaimed: readonly string[];
  /** Virtual machines to record as discovered. */
  readonly discovered: readonly (Placement & { readonly name: string })[];
  /** Virtual machines with another node or power state, or found again. */
  readonly placed: readonly Placement[];
  /** Managed virtual machines whose state is no longer known, though nothing proves that they are gone. */
  readonly unknown: readonly string[];
  /** Managed virtual machines that are gone. */
  readonly lost: readonly string[];
  /** Discovered virtual machines that no node has any more. */
  readonly removed: readonly string[];
  /** Conflicts that are new, or have other nodes than before. */
  readonly conflicts: readonly { readonly vmId: string; readonly nodeIds: readonly string[] }[];
  /** Virtual machines whose conflict is over. */
  readonly settled: readonly string[];
  /** Ids of reports that cannot be recorded as a virtual machine. */
  readonly rejected: readonly string[];
}

const RUNNING: ReadonlySet<PowerState> = new Set(['RUNNING', 'BLOCKED', 'SHUTTING_DOWN']);

/** Whether a name can be recorded. */
const isName = (name: string) => name !== '' && [...name].length <= 255 && !name.includes('\0');

/** Determines the changes of a report. Once they are applied, the same report again changes nothing. */
export function reconcileVms(known: KnownVms, report: VmReport): VmChanges {
  // If one id is reported twice, the last report counts.
  const present = new Map(report.present.map((vm) => [vm.id, vm]));
  const claimed = [...present.values()].filter(({ id }) => !known.own.has(id));
  const changed = [...present.values()].filter(({ id, report: bytes }) => {
    const own = known.own.get(id);
    return own !== undefined && !isEqual(own.report, bytes);
  });
  const gone = report.isComplete ? [...known.own.keys()] : report.absent;
  const unclaimed = gone.filter((id) => known.own.has(id) && !present.has(id));
  const rejected = [...present.values()]
    .filter(({ id, name }) => !isUuid(id) || !(known.vms.has(id) || isName(name)))
    .map(({ id }) => id);
  const changes = {
    ...{ claimed, changed, unclaimed, rejected },
    ...{
      discovered: [],
      placed: [],
      unknown: [],
      lost: [],
      removed: [],
      conflicts: [],
      settled: [],
    },
  } satisfies VmChanges as Mutable<VmChanges>;
  const skipped = new Set(rejected);
  const owned = [...known.vms.values()].filter(({ nodeId }) => nodeId === report.nodeId);
  const affected = new Set([
    ...present.keys(),
    ...report.absent,
    ...(report.isComplete ? [...known.own.keys(), ...owned.map(({ id }) => id)] : []),
  ]);
  for (const id of affected) {
    if (!isUuid(id) || skipped.has(id)) continue;
    settle(id, claimsOn(id, known, report, present), known.vms.get(id), report, present, changes);
  }
  return changes;
}

/** Returns the claims on a virtual machine after the report. */
function claimsOn(
  id: string,
  known: KnownVms,
  { nodeId, isComplete, absent }: VmReport,
  present: ReadonlyMap<string, ReportedVm>,
): Claim[] {
  const others = known.others.get(id) ?? [];
  const isGone = isComplete || absent.includes(id);
  const own = present.get(id) ?? (isGone ? undefined : known.own.get(id));
  if (own === undefined) return [...others];
  return [...others, { nodeId, powerState: own.powerState, isHeard: true }];
}

function settle(
  id: string,
  claims: readonly Claim[],
  vm: KnownVm | undefined,
  report: VmReport,
  present: ReadonlyMap<string, ReportedVm>,
  changes: Mutable<VmChanges>,
): void {
  const owner = chooseOwner(claims, vm?.nodeId ?? null);
  const conflict = findConflict(claims);
  if (conflict.length > 0 && conflict.join() !== vm?.conflict.join()) {
    changes.conflicts.push({ vmId: id, nodeIds: conflict });
  }
  if (conflict.length === 0 && (vm?.conflict.length ?? 0) > 0) changes.settled.push(id);
  if (owner === undefined) {
    if (vm === undefined) return;
    if (!vm.isManaged) changes.removed.push(id);
    else if (vm.nodeId === report.nodeId && vm.wasSeen && !vm.isLost) {
      if (report.isComplete) changes.lost.push(id);
      else if (vm.powerState !== 'UNKNOWN') changes.unknown.push(id);
    }
    return;
  }
  const { nodeId, powerState } = owner;
  if (vm === undefined) {
    changes.discovered.push({ id, nodeId, powerState, name: present.get(id)?.name ?? id });
  } else if (vm.nodeId !== nodeId || vm.powerState !== powerState || vm.isLost) {
    changes.placed.push({ id, nodeId, powerState });
  }
}

/** Returns the claim that determines the node of a virtual machine; undefined if there are no claims. */
export function chooseOwner(claims: readonly Claim[], present: string | null): Claim | undefined {
  const rank = ({ nodeId, powerState, isHeard }: Claim) =>
    (isHeard ? 4 : 0) + (RUNNING.has(powerState) ? 2 : 0) + (nodeId === present ? 1 : 0);
  return claims.toSorted(
    (one, other) => rank(other) - rank(one) || (one.nodeId < other.nodeId ? -1 : 1),
  )[0];
}

/** Returns the nodes that are heard and run the same virtual machine, sorted; empty unless there are several. */
export function findConflict(claims: readonly Claim[]): string[] {
  const nodes = claims
    .filter(({ isHeard, powerState }) => isHeard && RUNNING.has(powerState))
    .map(({ nodeId }) => nodeId);
  return nodes.length > 1 ? nodes.toSorted() : [];
}

export function isEqual(one: Uint8Array | undefined, other: Uint8Array): boolean {
  return one !== undefined && Buffer.compare(one, other) === 0;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer E)[] ? E[] : T[K] };
