import type { Health } from '../../api/health.ts';
import type { Pool } from '../../api/storage.ts';
import type { Vms } from '../../api/vms.ts';
import { formatBytes, formatCount, formatPercent } from '../../text/amount.ts';

/** Describes the agent's health and its problems. */
export function describeHealth({ ok, problems, version }: Health): string[] {
  if (ok && problems.length === 0) return [`ready (${version})`];
  return [ok ? `ready (${version}), but:` : `not ready (${version}):`, ...problems];
}

/** Describes that a deployed agent replaces the image's own, or that one was rolled back, and why; empty otherwise. */
export function describeDeployment({ deployment }: Health): string[] {
  const { runs = null, takenBack = null, lost = null, imageVersion = '' } = deployment ?? {};
  const own =
    runs === null
      ? []
      : [`not the image's own (${imageVersion}): deployed ${runs.since ?? ''}, ${runs.state}`];
  const gone = lost === null ? [] : [`lost at the next restart: ${lost}`];
  const failed =
    takenBack === null ? [] : [`${takenBack.version} was taken back: ${takenBack.reason}`];
  return [...own, ...gone, ...failed];
}

/** Describes that virtual machines do not survive a restart, and why; empty if they do. */
export function describeDataDisk({ dataDisk: { persistent, problem } }: Health): string[] {
  if (persistent) return [];
  return [`virtual machines are lost at a restart: ${problem ?? 'why is not known'}`];
}

/** Describes that the host is in maintenance and starts no virtual machines, and why; empty if it is not. */
export function describeMaintenance({ maintenance: { on, reason } }: Health): string[] {
  if (!on) return [];
  return [`in maintenance${reason === null ? '' : `: ${reason}`}; no virtual machine is started`];
}

/** Describes the connection to the control plane, and its problem. */
export function describeControlPlane({ controlPlane }: Health): string[] {
  const { state, address, problem } = controlPlane;
  if (state === 'unconfigured') return ['none joined'];
  const words = [state, address === null ? '' : address].filter((word) => word !== '');
  return problem === null ? [words.join(' ')] : [words.join(' '), problem];
}

/** Counts virtual machines by state. */
export function describeVms({ libvirt, vms }: Vms): string[] {
  if (!libvirt.available) return [`not known: ${libvirt.problem}`];
  if (vms.length === 0) return [`none (libvirt ${libvirt.version})`];
  const states = [...new Set(vms.map(({ state }) => state))];
  const counts = states.map((state) => {
    const number = vms.filter((vm) => vm.state === state).length;
    return `${number} ${state === 'shutoff' ? 'shut off' : state}`;
  });
  return [`${counts.join(', ')} (libvirt ${libvirt.version})`];
}

/** Describes storage pools, one per line. */
export function describePools(pools: readonly Pool[]): string[] {
  return pools.length === 0 ? ['none'] : pools.map(describePool);
}

/** Describes a storage pool in one line. */
export function describePool({ name, health, problem, total, used, kind, volumes }: Pool): string {
  const size =
    total === 0
      ? ''
      : `, ${formatBytes(used)} of ${formatBytes(total)} (${formatPercent(used / total)})`;
  const why = problem === null ? '' : `: ${problem}`;
  return `${name}  ${health}${why}${size}, ${kind}, ${formatCount(volumes.length, 'volume')}`;
}
