import type { Deployment } from '../../api/agent.ts';
import type { Health } from '../../api/health.ts';
import type { Host } from '../../api/host.ts';
import type { Maintenance } from '../../api/maintenance.ts';
import type { Vms } from '../../api/vms.ts';
import { isNearlyFull } from '../../host/changes.ts';
import type { DataDisk } from '../../host/data-disk.ts';
import type { StorageState } from '../pools/watch-pools.ts';
import type { ControlPlaneState, Parts } from './parts.ts';

/** What the agent's health is judged by. */
export interface HealthFacts {
  version: string;
  managementAddress: string | null;
  libvirt: Vms['libvirt'];
  storage: StorageState;
  dataDisk: DataDisk;
  changes: Host['changes'];
  controlPlane: ControlPlaneState;
  maintenance: Maintenance;
  deployment: Deployment | null;
  /** Found by the agent itself. */
  problems: readonly string[];
}

/** Tells how the agent fares, from what its parts say at this moment. */
export async function readHealth(parts: Parts): Promise<Health> {
  const [managementAddress, { libvirt }, storage, dataDisk, changes, maintenance, deployment] =
    await Promise.all([
      parts.managementAddress(),
      parts.vms.current(),
      parts.storage(),
      parts.dataDisk(),
      parts.changes(),
      parts.maintenance.current(),
      parts.deployment(),
    ]);
  return judge({
    version: parts.version,
    managementAddress,
    libvirt,
    storage,
    dataDisk,
    changes,
    controlPlane: parts.controlPlane.state(),
    maintenance,
    deployment,
    problems: parts.problems(),
  });
}

const CHANGES_NEARLY_FULL =
  'the memory for what is written below / is nearly full: keep disks and images of virtual machines in a storage pool';

/** Judges how the agent fares. A node that has joined no control plane lacks nothing. */
export function judge(facts: HealthFacts): Health {
  const { version, managementAddress, libvirt, storage, dataDisk, changes, controlPlane } = facts;
  const problems = [...facts.problems, ...storage.problems];
  if (managementAddress === null) problems.push('no interface has an address for management');
  if (!libvirt.available) problems.push(libvirt.problem);
  if (dataDisk.state === 'unusable') problems.push(dataDisk.problem);
  if (changes !== null && isNearlyFull(changes)) problems.push(CHANGES_NEARLY_FULL);
  for (const { name, health, problem } of storage.pools) {
    if (health !== 'healthy') problems.push(`storage pool ${name}: ${problem ?? health}`);
  }
  const { state, problem } = controlPlane;
  if (problem !== null || state === 'unreachable' || state === 'refused') {
    problems.push(`control plane: ${problem ?? state}`);
  }
  return {
    ok: problems.length === 0,
    version,
    managementAddress,
    controlPlane,
    dataDisk: { persistent: dataDisk.state === 'used', problem: dataDisk.problem },
    maintenance: facts.maintenance,
    deployment: facts.deployment,
    problems,
  };
}
