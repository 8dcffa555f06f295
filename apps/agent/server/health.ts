import type { Deployment } from '../../api/agent.ts';
import type { Health } from '../../api/health.ts';
import type { Host } from '../../api/host.ts';
import type { Maintenance } from '../../api/maintenance.ts';
import type { Vms } from '../../api/vms.ts';
import { isNearlyFull } from '../../host/changes.ts';
import type { DataDisk } from '../../host/data-disk.ts';
import type { StorageState } from '../pools/watch-pools.ts';
import type { ControlPlaneState, Parts } from './parts.ts';

/** Facts that determine the agent's health. */
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
  /** Problems found by the agent itself. */
  problems: readonly string[];
}

/** Reads the agent's health from its parts at this moment. */
export async function readHealth(parts: Parts): Promise<Health> {
  const [
    managementAddress,
    { libvirt },
    storage,
    dataDisk,
    changes,
    maintenance,
    deployment,
    problems,
  ] = await Promise.all([
    parts.managementAddress(),
    parts.vms.current(),
    parts.storage(),
    parts.dataDisk(),
    parts.changes(),
    parts.maintenance.current(),
    parts.deployment(),
    parts.problems(),
  ]);
  return determineHealth({
    version: parts.version,
    managementAddress,
    libvirt,
    storage,
    dataDisk,
    changes,
    controlPlane: parts.controlPlane.state(),
    maintenance,
    deployment,
    problems,
  });
}

const CHANGES_NEARLY_FULL =
  'the memory for what is written below / is nearly full: keep disks and images of virtual machines in a storage pool';

/** Determines the agent's health. A node that has not joined a control plane has no problem. */
export function determineHealth(facts: HealthFacts): Health {
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
