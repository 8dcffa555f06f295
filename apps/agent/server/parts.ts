import type { Deployment } from '../../api/agent.ts';
import type { Health } from '../../api/health.ts';
import type { Host } from '../../api/host.ts';
import type { Maintenance, MaintenanceRequest } from '../../api/maintenance.ts';
import type { Network } from '../../api/network.ts';
import type { PoolRequest } from '../../api/storage.ts';
import type { Vms } from '../../api/vms.ts';
import type { DataDisk } from '../../host/data-disk.ts';
import type { StorageState } from '../pools/watch-pools.ts';

/** How far the node is with its control plane. */
export type ControlPlaneState = Health['controlPlane'];

/** What the agent is made of. Whoever asks gets what is so now; nothing about addresses is kept. */
export interface Parts {
  /** Of the agent. */
  version: string;
  /** The deployed agent that it is; `null` if it is the image's own. */
  id: string | null;
  deployment: () => Promise<Deployment | null>;
  host: () => Promise<Host>;
  network: () => Promise<Network>;
  managementAddress: () => Promise<string | null>;
  vms: VmParts;
  dataDisk: () => Promise<DataDisk>;
  /** Space for what is written below `/` and lies in memory. */
  changes: () => Promise<Host['changes']>;
  storage: () => Promise<StorageState>;
  pools: PoolParts;
  maintenance: MaintenanceParts;
  /** What else keeps the agent from its work, a line each: a configuration file that was set aside. */
  problems: () => readonly string[];
  controlPlane: ControlPlaneParts;
}

/** Whether the host starts virtual machines. */
export interface MaintenanceParts {
  current: () => Promise<Maintenance>;
  /** @throws what the disk throws */
  set: (request: MaintenanceRequest) => Promise<void>;
}

/** What acts on pools throws StorageError, CommandError or ServiceError. */
export interface PoolParts {
  /** Makes or takes over a pool, and declares it for good. */
  add: (request: PoolRequest) => Promise<void>;
  /** Takes away the declared pool of this name. */
  remove: (name: string) => Promise<void>;
  /** Looks anew, after a change. */
  refresh: () => Promise<StorageState>;
}

/** Virtual machines; what acts on one takes its UUID and throws LibvirtError; a start MaintenanceError, too. */
export interface VmParts {
  current: () => Promise<Vms>;
  /** Looks anew, after a change. */
  refresh: () => Promise<Vms>;
  /** Takes libvirt's XML, returns the UUID. */
  define: (xml: string) => Promise<string>;
  start: (id: string) => Promise<void>;
  shutdown: (id: string) => Promise<void>;
  destroy: (id: string) => Promise<void>;
  undefine: (id: string) => Promise<void>;
}

export interface ControlPlaneParts {
  state: () => ControlPlaneState;
  /** Joins a control plane, with a token that it gave out for one node. */
  join: (invitation: { address: string; token: string }) => Promise<void>;
  /** Leaves it, with force also if it does not hear of that. */
  leave: (force: boolean) => Promise<void>;
}
