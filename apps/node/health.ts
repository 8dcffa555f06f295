import type { Health } from '../api/health.ts';
import type { Vms } from '../api/vms.ts';
import type { ControlPlaneState, Parts, StorageState } from './parts.ts';

/** What the agent's health is judged by. */
export interface HealthFacts {
  version: string;
  managementAddress: string | null;
  libvirt: Vms['libvirt'];
  storage: StorageState;
  controlPlane: ControlPlaneState;
  /** Found by the agent itself. */
  problems: readonly string[];
}

/** Tells how the agent fares, from what its parts say at this moment. */
export async function readHealth(parts: Parts): Promise<Health> {
  const [managementAddress, { libvirt }, storage] = await Promise.all([
    parts.managementAddress(),
    parts.vms.current(),
    parts.storage(),
  ]);
  return judge({
    version: parts.version,
    managementAddress,
    libvirt,
    storage,
    controlPlane: parts.controlPlane.state(),
    problems: parts.problems(),
  });
}

/** Judges how the agent fares. A node that has joined no control plane lacks nothing. */
export function judge(facts: HealthFacts): Health {
  const { version, managementAddress, libvirt, storage, controlPlane } = facts;
  const problems = [...facts.problems, ...storage.problems];
  if (managementAddress === null) problems.push('no interface has an address for management');
  if (!libvirt.available) problems.push(libvirt.problem);
  for (const { name, health, problem } of storage.pools) {
    if (health !== 'healthy') problems.push(`storage pool ${name}: ${problem ?? health}`);
  }
  if (controlPlane.state === 'unreachable' || controlPlane.state === 'refused') {
    problems.push(`control plane: ${controlPlane.problem ?? controlPlane.state}`);
  }
  return { ok: problems.length === 0, version, managementAddress, controlPlane, problems };
}
