import type { ControlPlaneState, Parts } from '../../../../../apps/agent/server/parts.ts';
import type { Deployment } from '../../../../../apps/api/agent.ts';
import type { Host } from '../../../../../apps/api/host.ts';
import type { Maintenance } from '../../../../../apps/api/maintenance.ts';
import type { Network } from '../../../../../apps/api/network.ts';
import type { Pool } from '../../../../../apps/api/storage.ts';
import type { Vm, Vms } from '../../../../../apps/api/vms.ts';
import { MaintenanceError } from '../../../../../apps/guests/maintenance.ts';
import type { DataDisk } from '../../../../../apps/host/data-disk.ts';
import { LibvirtError } from '../../../../../apps/libvirt/error.ts';
import { parseUuid } from '../../../../../apps/libvirt/uuid.ts';
import { NetworkError } from '../../../../../apps/network/qx-network.ts';
import { StorageError } from '../../../../../apps/storage/error.ts';

export const WEB = '9f1b2c3d-0000-4000-8000-00000000abcd';

/** State of the world around an agent, which a test may change at any time. */
export interface World {
  dataDisk: DataDisk;
  address: string | null;
  host: Host;
  network: Network | null;
  vms: Vm[];
  libvirt: Vms['libvirt'];
  pools: Pool[];
  maintenance: Maintenance;
  deployment: Deployment | null;
  problems: string[];
  controlPlane: ControlPlaneState;
}

/** Returns an environment in which nothing is wrong. */
export function world(): World {
  return {
    dataDisk: { state: 'used', problem: null },
    address: '10.0.0.7',
    host: {
      product: 'Quantix-OS',
      version: '1.2',
      base: 'alpine',
      hostname: 'node-1',
      uptime: 93_784.5,
      managementAddress: '10.0.0.7',
      cpu: {
        model: 'Xeon',
        sockets: 2,
        cores: 16,
        threads: 32,
        frequency: 2_400,
        virtualization: true,
      },
      memory: { total: 64 * 2 ** 30, available: 48.5 * 2 ** 30, hugePages: 0 },
      changes: { total: 512 * 1024 ** 2, used: 12 * 1024 ** 2 },
      load: [0.5, 0.25, 0],
      cpuUsage: 0.125,
      disks: [
        {
          path: '/dev/nvme0n1',
          model: 'PM9A3',
          serial: 'S1',
          size: 960 * 10 ** 9,
          kind: 'nvme',
          readOnly: false,
        },
      ],
      nics: [
        {
          name: 'eth0',
          mac: '52:54:00:00:00:01',
          driver: 'ixgbe',
          speed: 10_000,
          mtu: 1_500,
          kind: 'ethernet',
        },
      ],
    },
    network: {
      persistent: true,
      hostname: 'node-1',
      default: 'eth0',
      interfaces: [
        {
          name: 'eth0',
          kind: 'ethernet',
          mac: '52:54:00:00:00:01',
          carrier: true,
          speed: 10_000,
          method: 'static',
          source: '/quantix/network/eth0.conf',
          addresses: [{ address: '10.0.0.7', prefix: 24 }],
          gateway: '10.0.0.1',
          dns: [],
          mtu: 1500,
          type: null,
          master: null,
          ports: [],
          routes: [],
          vlan: null,
          ipv6: { method: 'auto', addresses: [], gateway: null },
          ssid: null,
          dhcp: null,
          confirm: null,
          problem: null,
        },
      ],
      problems: [],
    },
    vms: [
      {
        id: WEB,
        name: 'web',
        state: 'running',
        cpus: 2,
        memory: 2 ** 30,
        persistent: true,
        autostart: true,
      },
    ],
    libvirt: { available: true, version: '9.0.0' },
    pools: [
      {
        id: 'uuid:1',
        name: 'data',
        kind: 'filesystem',
        path: '/data',
        source: '/dev/sda4',
        health: 'healthy',
        problem: null,
        writable: true,
        total: 100 * 2 ** 30,
        used: 25 * 2 ** 30,
        available: 75 * 2 ** 30,
        volumes: [],
        seen: 'now',
        volumesSeen: 'now',
      },
    ],
    maintenance: { on: false, reason: null, since: null },
    deployment: null,
    problems: [],
    controlPlane: { state: 'unconfigured', address: null, problem: null },
  };
}

/** Parts of an agent in this world; each is a small but working implementation. */
export function smallParts(around: World): Parts {
  const look = async (): Promise<Vms> => ({ libvirt: around.libvirt, vms: around.vms });
  const set = (id: string, change: (vm: Vm) => Vm | undefined) => {
    const uuid = parseUuid(id);
    if (!around.vms.some((vm) => vm.id === uuid)) {
      throw new LibvirtError('not-found', 'there is no VM of this UUID');
    }
    around.vms = around.vms.flatMap((vm) => (vm.id === uuid ? (change(vm) ?? []) : vm));
  };
  return {
    version: '0.1.0',
    id: around.deployment?.runs == null ? null : 'a'.repeat(64),
    deployment: async () => around.deployment,
    host: async () => around.host,
    network: async () => {
      if (around.network === null) throw new NetworkError('qx-network does not know');
      return around.network;
    },
    managementAddress: async () => around.address,
    dataDisk: async () => around.dataDisk,
    changes: async () => around.host.changes,
    vms: {
      current: look,
      refresh: look,
      define: async (xml) => {
        const name = /<name>(.*)<\/name>/.exec(xml)?.[1];
        if (name === undefined) throw new LibvirtError('invalid', 'XML error: no name');
        const id = '6695eb01-f6a4-8304-79aa-97f2502e193f';
        const more = { cpus: 1, memory: 0, persistent: true, autostart: false };
        around.vms = [...around.vms, { id, name, state: 'shutoff', ...more }];
        return id;
      },
      start: async (id) => {
        if (around.maintenance.on) throw new MaintenanceError();
        set(id, (vm) => {
          if (vm.state !== 'running') return { ...vm, state: 'running' };
          throw new LibvirtError('refused', 'Domain is already active');
        });
      },
      shutdown: async (id) => set(id, (vm) => ({ ...vm, state: 'shutdown' })),
      destroy: async (id) => set(id, (vm) => ({ ...vm, state: 'shutoff' })),
      undefine: async (id) => set(id, () => undefined),
    },
    storage: async () => ({ pools: around.pools, problems: [] }),
    pools: {
      add: async ({ pool: { name, directory = '' }, destroy }) => {
        if (destroy === undefined && directory === '') {
          throw new StorageError({ what: 'it holds data', fix: 'Type its serial: --destroy "S1"' });
        }
        const [first] = around.pools;
        if (first !== undefined) around.pools = [...around.pools, { ...first, id: name, name }];
      },
      remove: async (name) => {
        if (!around.pools.some((pool) => pool.name === name)) {
          throw new StorageError({ what: `there is no pool ${name}` });
        }
        around.pools = around.pools.filter((pool) => pool.name !== name);
      },
      refresh: async () => ({ pools: around.pools, problems: [] }),
    },
    maintenance: {
      current: async () => around.maintenance,
      set: async ({ on, reason = null }) => {
        around.maintenance = { on, reason, since: on ? '2026-01-27T10:15:00.000Z' : null };
      },
    },
    problems: async () => around.problems,
    controlPlane: {
      state: () => around.controlPlane,
      leave: async () => undefined,
      join: async ({ address }) => {
        around.controlPlane = { state: 'connected', address, problem: null };
      },
    },
  };
}
