import { EventEmitter, once } from 'node:events';
import { create } from '@bufbuild/protobuf';
import { onTestFinished } from 'vitest';
import { z } from 'zod';
import { readNodeConfig } from '../../../../../apps/agent/configuration/node-config.ts';
import {
  type Membership,
  startMembership,
} from '../../../../../apps/agent/membership/membership.ts';
import type { MembershipOptions } from '../../../../../apps/agent/membership/options.ts';
import type { Health } from '../../../../../apps/api/health.ts';
import type { Host } from '../../../../../apps/api/host.ts';
import type { Pool } from '../../../../../apps/api/storage.ts';
import type { Vm, Vms } from '../../../../../apps/api/vms.ts';
import { HardwareIdentitySchema } from '../../../../../apps/proto/gen/quantix/v1/host_pb.js';
import { ControlPlane } from '../../../../control-plane/control-plane.ts';
import { temporaryFolder } from '../../../folder.ts';
import { FakeClock } from './fake-clock.ts';

export const HOST: Host = {
  product: 'Quantix-OS',
  version: '1.0.0',
  base: 'alpine',
  hostname: 'host-a',
  uptime: 12.5,
  managementAddress: null,
  cpu: {
    model: 'Example 3000',
    sockets: 1,
    cores: 8,
    threads: 16,
    frequency: 3200.5,
    virtualization: true,
  },
  memory: { total: 34_359_738_368, available: 17_179_869_184, hugePages: 0 },
  changes: { total: 512 * 1024 ** 2, used: 12 * 1024 ** 2 },
  load: [0.5, 0.25, 0.125],
  cpuUsage: 0.1,
  disks: [
    {
      path: '/dev/sda',
      model: 'Disk',
      serial: null,
      size: 1_000_204_886_016,
      kind: 'ssd',
      readOnly: false,
    },
  ],
  nics: [
    {
      name: 'eth0',
      mac: '52:54:00:12:34:56',
      driver: 'virtio_net',
      speed: null,
      mtu: 1500,
      kind: 'ethernet',
    },
  ],
};

export const WEB: Vm = {
  id: '5f1c1f3e-0f0a-4c55-9d0e-3a9b6f1c2d3e',
  name: 'web',
  state: 'running',
  cpus: 2,
  memory: 2_147_483_648,
  persistent: true,
  autostart: false,
};

export const DATA: Pool = {
  id: '0d9a4c1e-7a52-4d1c-8d57-0e6a3d0f4b11',
  name: 'data',
  kind: 'filesystem',
  path: '/data',
  source: '/dev/sda5',
  health: 'healthy',
  problem: null,
  writable: true,
  total: 1_000_000_000,
  used: 250_000_000,
  available: 750_000_000,
  volumes: [],
  seen: 'now',
  volumesSeen: 'now',
};

/** A host with an agent. Its client of the control plane is real; a test sets everything else. */
export class Agent {
  readonly clock: FakeClock;
  readonly folder: string;
  readonly lines: string[] = [];
  address: string | null = '192.0.2.10';
  vms: Vm[] = [WEB];
  pools: Pool[] = [DATA];
  libvirt: Vms['libvirt'] = { available: true, version: '9.0.0' };
  hardware = { smbiosUuid: '', serial: 'A1', vendor: 'Example', model: '3000', bootId: 'boot-1' };
  health: Health = {
    ok: false,
    version: '1.0.0',
    managementAddress: null,
    controlPlane: { state: 'connected', address: null, problem: null },
    dataDisk: { persistent: true, problem: null },
    maintenance: { on: true, reason: null, since: null },
    deployment: null,
    problems: ['a fan stands still'],
  };
  persistent = true;
  assigned: unknown[] = [];
  /** The received lists of time servers. */
  timeServers: (readonly string[])[] = [];
  /** Further facts. */
  more: Partial<MembershipOptions['facts']> = {};
  /** Asks the LAN for the address of the control plane. */
  askLan: MembershipOptions['askLan'];
  /** Opens the commander that carries out tasks. */
  openCommands: MembershipOptions['openCommands'];
  membership!: Membership;
  #stop = new AbortController();
  readonly #said = new EventEmitter();

  constructor(folder: string, clock: FakeClock = new FakeClock()) {
    this.folder = folder;
    this.clock = clock;
  }

  /** Starts the client as the agent does. */
  async start(): Promise<Membership> {
    const { config, problem } = await readNodeConfig(
      `${this.folder}/node.yaml`,
      z.array(z.unknown()),
    );
    if (problem !== undefined) this.#log(problem);
    this.#stop = new AbortController();
    const options: MembershipOptions = {
      folder: this.folder,
      config,
      agentVersion: '1.0.0',
      facts: {
        managementAddress: async () => this.address,
        host: async () => HOST,
        health: async () => this.health,
        hardware: async () => create(HardwareIdentitySchema, this.hardware),
        vms: async () => ({ libvirt: this.libvirt, vms: this.vms }),
        pools: async () => this.pools,
        ...this.more,
      },
      onTimeServers: async (servers) => {
        this.timeServers.push(servers);
      },
      askLan: (...asked) => this.askLan?.(...asked) ?? Promise.resolve([]),
      openCommands: this.openCommands,
      isPersistent: async () => this.persistent,
      onAssignedPools: async (pools) => {
        this.assigned.push(pools.map(({ name }) => name));
      },
      log: (line) => this.#log(line),
      clock: this.clock,
      random: () => 0.5,
      signal: this.#stop.signal,
    };
    this.membership = startMembership(options);
    return this.membership;
  }

  /** Aborted when the agent stops. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.membership.finished;
  }

  /**
   * Waits until the log has a line that matches a pattern.
   * @param from number of the line to begin at
   * @returns the line
   */
  async said(pattern: RegExp, from = 0): Promise<string> {
    for (;;) {
      const line = this.lines.slice(from).find((one) => pattern.test(one));
      if (line !== undefined) return line;
      await once(this.#said, 'line');
    }
  }

  #log(line: string): void {
    this.lines.push(line);
    this.#said.emit('line');
  }
}

/** A control plane that ends with the test. */
async function opened(): Promise<ControlPlane> {
  const plane = await ControlPlane.open();
  onTestFinished(() => plane.api.close());
  return plane;
}

/**
 * Returns the given control plane or a new one, and an agent that has not joined it. The new ones end with the test.
 */
export async function unjoined(
  given?: ControlPlane,
): Promise<{ plane: ControlPlane; agent: Agent }> {
  const plane = given ?? (await opened());
  const agent = new Agent(await temporaryFolder());
  await agent.start();
  onTestFinished(() => agent.stop());
  return { plane, agent };
}

/** Like `unjoined`, but the agent has joined, and has sent its full state and its first heartbeat. */
export async function members(
  given?: ControlPlane,
): Promise<{ plane: ControlPlane; agent: Agent }> {
  const { plane, agent } = await unjoined(given);
  await agent.membership.join({ controlPlane: plane.api.origin, token: plane.token() });
  await agent.clock.skip();
  await plane.answered('heartbeat', 1);
  await agent.clock.sleeping();
  return { plane, agent };
}
