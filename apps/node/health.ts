import type { Health } from '../api/health.ts';
import type { Pool } from '../api/storage.ts';
import type { Vms } from '../api/vms.ts';
import type { ControlPlaneState, Parts } from './parts.ts';

/** What the agent's health is judged by. */
export interface HealthFacts {
  version: string;
  managementAddress: string | null;
  libvirt: Vms['libvirt'];
  pools: readonly Pool[];
  controlPlane: ControlPlaneState;
}

/** Tells how the agent fares, from what its parts say at this moment. */
export async function readHealth(parts: Parts): Promise<Health> {
  const [managementAddress, { libvirt }, pools] = await Promise.all([
    parts.managementAddress(),
    parts.vms.current(),
    parts.pools(),
  ]);
  const controlPlane = parts.controlPlane.state();
  return judge({ version: parts.version, managementAddress, libvirt, pools, controlPlane });
}

/** Judges how the agent fares. A node that has joined no control plane lacks nothing. */
export function judge(facts: HealthFacts): Health {
  const { version, managementAddress, libvirt, pools, controlPlane } = facts;
  const problems: string[] = [];
  if (managementAddress === null) problems.push('no interface has an address for management');
  if (!libvirt.available) problems.push(libvirt.problem);
  for (const { name, health, problem } of pools) {
    if (health !== 'healthy') problems.push(`storage pool ${name}: ${problem ?? health}`);
  }
  if (controlPlane.state === 'unreachable' || controlPlane.state === 'refused') {
    problems.push(`control plane: ${controlPlane.problem ?? controlPlane.state}`);
  }
  return { ok: problems.length === 0, version, managementAddress, controlPlane, problems };
}
