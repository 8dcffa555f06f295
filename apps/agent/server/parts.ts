import type { Deployment } from '../../api/agent.ts';
import type { Health } from '../../api/health.ts';
import type { Host } from '../../api/host.ts';
import type { Maintenance, MaintenanceRequest } from '../../api/maintenance.ts';
import type { Network } from '../../api/network.ts';
import type { PoolRequest } from '../../api/storage.ts';
import type { Vms } from '../../api/vms.ts';
import type { DataDisk } from '../../host/data-disk.ts';
import type { StorageState } from '../pools/watch-pools.ts';

/** State of the connection to the control plane. */
export type ControlPlaneState = Health['controlPlane'];

/** The parts of the agent. Their functions return current values; addresses are never cached. */
export interface Parts {
  /** Version of the agent. */
  version: string;
  /** Id of the deployed agent; `null` if it is the image's own. */
  id: string | null;
  deployment: () => Promise<Deployment | null>;
  host: () => Promise<Host>;
  network: () => Promise<Network>;
  managementAddress: () => Promise<string | null>;
  vms: VmParts;
  dataDisk: () => Promise<DataDisk>;
  /** Space for changes below `/`, which are kept in memory. */
  changes: () => Promise<Host['changes']>;
  storage: () => Promise<StorageState>;
  pools: PoolParts;
  maintenance: MaintenanceParts;
  /** Further problems of the agent, one line each, such as a configuration file that was set aside. */
  problems: () => Promise<readonly string[]>;
  controlPlane: ControlPlaneParts;
}

/** Reads and sets whether the host is in maintenance. */
export interface MaintenanceParts {
  current: () => Promise<Maintenance>;
  /** @throws errors of the disk */
  set: (request: MaintenanceRequest) => Promise<void>;
}

/** Operations on pools; they throw StorageError, CommandError or ServiceError. */
export interface PoolParts {
  /** Creates or imports a pool, and declares it permanently. */
  add: (request: PoolRequest) => Promise<void>;
  /** Removes the declared pool of this name. */
  remove: (name: string) => Promise<void>;
  /** Reads the pools, after a change. */
  refresh: () => Promise<StorageState>;
}

/** Operations on virtual machines; they take a UUID and throw LibvirtError, `start` also MaintenanceError. */
export interface VmParts {
  current: () => Promise<Vms>;
  /** Reads the machines, after a change. */
  refresh: () => Promise<Vms>;
  /** Defines a machine from libvirt's XML, and returns its UUID. */
  define: (xml: string) => Promise<string>;
  start: (id: string) => Promise<void>;
  shutdown: (id: string) => Promise<void>;
  destroy: (id: string) => Promise<void>;
  undefine: (id: string) => Promise<void>;
}

export interface ControlPlaneParts {
  state: () => ControlPlaneState;
  /** Joins a control plane, with a token that it issued for one node. */
  join: (invitation: { address: string; token: string }) => Promise<void>;
  /** Leaves the control plane; with `force` even if the control plane cannot be informed. */
  leave: (force: boolean) => Promise<void>;
}
