import type { Backups } from '../../apps/api/backups.ts';
import type { NewToken } from '../../apps/api/fleet.ts';
import type { Hardware } from '../../apps/api/hardware.ts';
import type { UpdateStatus } from '../../apps/api/update.ts';
import type { IssuedUser } from '../../apps/api/users.ts';
import type { Deps } from '../../apps/console/deps.ts';
import { parsePublicKeys } from '../../apps/services/public-key.ts';

const GIB = 1024 ** 3;

/** A machine with two network cards, a failing service, and examples of everything else that the screens show. */
export const HOST = {
  product: 'Quantix-OS',
  version: '0.1.0',
  base: 'alpine',
  hostname: 'node7',
  uptime: 273_900,
  managementAddress: '10.0.0.7',
  cpu: {
    model: 'Intel(R) Xeon(R) Gold 6338 CPU @ 2.00GHz',
    sockets: 2,
    cores: 64,
    threads: 128,
    frequency: 2000,
    virtualization: true,
  },
  memory: { total: 256 * GIB, available: 192 * GIB, hugePages: 0 },
  changes: { total: 512 * 1024 ** 2, used: 12 * 1024 ** 2 },
  load: [0.52, 0.48, 0.4] satisfies [number, number, number],
  cpuUsage: 0.127,
  disks: [
    {
      path: '/dev/nvme0n1',
      model: 'SAMSUNG MZQL23T8HCLS-00A07',
      serial: 'S64GNE0R911111',
      size: 3_840_755_982_336,
      kind: 'nvme' as const,
      readOnly: false,
    },
    {
      path: '/dev/sdb',
      model: null,
      serial: null,
      size: 15_502_147_584,
      kind: 'removable' as const,
      readOnly: false,
    },
  ],
  nics: [
    {
      name: 'eth0',
      mac: '52:54:00:12:34:56',
      driver: 'i40e',
      speed: 10_000,
      mtu: 1500,
      kind: 'ethernet' as const,
    },
  ],
};

const [NVME, STICK] = HOST.disks;
const WEAR = { temperature: null, hours: null, used: null };

/** The hardware of that machine. */
export const HARDWARE: Hardware = {
  vendor: 'Dell Inc.',
  model: 'PowerEdge R650',
  serial: '7XK2A93',
  uuid: '4c4c4544-0058-4b10-8032-b7c04f413933',
  board: null,
  firmware: { vendor: 'Dell Inc.', version: '1.9.2', date: '11/17/2022' },
  disks: [
    {
      ...NVME!,
      wear: { health: 'passed', temperature: 38, hours: 9120, used: 3, problem: null },
    },
    {
      ...STICK!,
      wear: { ...WEAR, health: 'unknown', problem: '/dev/sdb: Unknown USB bridge' },
    },
  ],
  nics: HOST.nics,
  sensors: [
    { chip: 'coretemp', label: 'Package id 0', unit: 'celsius', value: 41, alarm: false },
    { chip: 'dell_smm', label: 'fan1', unit: 'rpm', value: 0, alarm: true },
  ],
};

/** Values of the interfaces that no file configures. */
const CARD = {
  mtu: 1500,
  type: null,
  master: null,
  ports: [],
  routes: [],
  vlan: null,
  ipv6: { method: 'auto' as const, addresses: [], gateway: null },
};

export const NETWORK = {
  persistent: true,
  hostname: 'node7',
  default: 'eth0',
  interfaces: [
    {
      name: 'eth0',
      kind: 'ethernet',
      mac: '52:54:00:12:34:56',
      carrier: true,
      speed: 10_000,
      method: 'dhcp' as const,
      source: null,
      addresses: [{ address: '10.0.0.7', prefix: 24 }],
      gateway: '10.0.0.1',
      dns: ['10.0.0.1', '9.9.9.9'],
      ...CARD,
      ssid: null,
      dhcp: { pid: 412, lease: { address: '10.0.0.7', server: '10.0.0.1', seconds: 3600 } },
      confirm: null,
      problem: null,
    },
    {
      name: 'wlan0',
      kind: 'wifi',
      mac: '52:54:00:12:34:57',
      carrier: false,
      speed: null,
      method: null,
      source: null,
      addresses: [],
      gateway: null,
      dns: [],
      ...CARD,
      ssid: null,
      dhcp: null,
      confirm: null,
      problem: null,
    },
  ],
  problems: [],
};

const POOL = { volumes: [], writable: true, problem: null, seen: 'now', volumesSeen: 'now' };

/** Public keys of people. */
export const KEYS = parsePublicKeys(
  [
    'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g anna@desk',
    'from="10.0.0.0/8" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICAfHh0cGxoZGBcWFRQTEhEQDw4NDAsKCQgHBgUEAwIB ben',
  ].join('\n'),
);

const HOST_KEY = {
  type: 'ED25519',
  fingerprint: `SHA256:${'Ab1/'.repeat(10)}xyz`,
  comment: '',
  text: '',
};

/** A call of a console to its machine. */
export type Call = [name: keyof Deps, ...args: unknown[]];

/** The invitation that a control plane's operator made for this host. */
export const INVITATION = {
  address: 'https://qvdc.example',
  token: `qxj1.SecretOfAtLeast16.${'0123456789abcdef'.repeat(4)}`,
};

/** A join token that the control plane made. */
export const TOKEN: NewToken = {
  id: '6f1c0b7e-52aa-4d11-9a3e-0c5d7f2b4a90',
  description: '',
  state: 'open',
  maxUses: 1,
  uses: [],
  createdBy: 'root',
  createdAt: '2126-11-24T22:15:09.000Z',
  expiresAt: '2126-11-24T23:15:09.000Z',
  joinToken: `qxj1.SecretOfAtLeast16CharactersAndOf43InTruth00.${'0123456789abcdef'.repeat(4)}`,
  fingerprint: '0123456789abcdef'.repeat(4),
};

/** The first account, and its password. */
export const ISSUED: IssuedUser = {
  id: '2d4f6a8c-1b3d-4e5f-8a9b-0c1d2e3f4a5b',
  username: 'admin',
  email: null,
  role: 'admin',
  enabled: true,
  mustChangePassword: true,
  lastLogin: null,
  createdAt: '2126-11-24T22:15:09.000Z',
  password: 'k7m2x-9pq4v-tdwz3-h5rn8',
};

/** The backups of a control plane. */
export const BACKED_UP: Backups = {
  folder: '/data/backup/nightly',
  newest: { name: 'qvdc-21261124T023000Z.backup', madeAt: '2126-11-24T02:30:00.000Z' },
  problem: null,
  hasPassphrase: true,
  at: '02:30',
};

/** A machine without faults that records its calls. */
export function machine(changes: Partial<Deps> = {}): { deps: Deps; calls: Call[] } {
  const calls: Call[] = [];
  const note =
    <T>(name: keyof Deps, result: T) =>
    async (...args: unknown[]): Promise<T> => {
      calls.push([name, ...args.filter((arg) => !(arg instanceof AbortSignal))]);
      return result;
    };
  const deps: Deps = {
    facts: HYPERVISOR,
    networkChange: () => new Promise(() => undefined),
    changeNetwork: note('changeNetwork', ['eth0: what qx-network says']),
    scanWifi: note('scanWifi', [
      { ssid: 'machine room', signal: -41, security: 'WPA2/WPA3' },
      { ssid: 'guests', signal: -70, security: 'open' },
    ]),
    enableSsh: note('enableSsh', []),
    disableSsh: note('disableSsh', []),
    stickKeys: note('stickKeys', KEYS),
    fetchKeys: note('fetchKeys', KEYS),
    run: note('run', []),
    restartService: note('restartService', undefined),
    passwordState: async () => 'empty',
    checkPassword: async (password) => password === 'right password',
    setPassword: note('setPassword', []),
    restart: note('restart', undefined),
    powerOff: note('powerOff', undefined),
    cutShort: note('cutShort', undefined),
    actOnVm: note('actOnVm', undefined),
    setMaintenance: note('setMaintenance', undefined),
    addPool: note('addPool', 'fast filesystem /pools/fast, healthy'),
    removePool: note('removePool', undefined),
    leaveForConsole: note('leaveForConsole', undefined),
    joinControlPlane: note('joinControlPlane', 'joined https://qvdc.example: connected'),
    leaveControlPlane: note('leaveControlPlane', 'left; this host belongs to no control plane'),
    readInvitation: note('readInvitation', INVITATION),
    makeJoinToken: note('makeJoinToken', TOKEN),
    issueFirstPassword: note('issueFirstPassword', ISSUED),
    makeBackup: note('makeBackup', BACKED_UP),
    changeAddress: note('changeAddress', ['eth0 has 10.0.0.8: 1 host connected to it.']),
    withdrawAddress: note('withdrawAddress', undefined),
    writeSupport: note('writeSupport', 'support-node7-20260127T101500Z.tar.gz is on it'),
    reset: note('reset', 'The next boot removes configuration.'),
    ...changes,
  };
  return { deps, calls };
}

/** The state of updates when a newer version is staged. */
export const UPDATES: UpdateStatus = {
  product: 'quantix-os',
  version: '0.1.0',
  state: 'good',
  problem: null,
  booted: 'a',
  slots: [
    { slot: 'a', version: '0.1.0', serial: 3, good: true },
    { slot: 'b', version: '0.2.0', serial: 4, good: false },
  ],
  trial: null,
  staging: null,
  last: {
    version: '0.1.0',
    before: '0.0.9',
    result: 'confirmed',
    reasons: [],
    at: '2026-01-27T10:15:00.000Z',
  },
  floor: 2,
  server: 'https://updates.example/quantix',
  channel: 'stable',
  keys: ['quantix'],
};

/** Facts about that machine as a hypervisor host. */
export const HYPERVISOR: Required<
  Omit<Deps['facts'], 'readiness' | 'nodes' | 'firstLogIn' | 'backups' | 'address'>
> = {
  host: async () => HOST,
  network: async () => NETWORK,
  services: async () => [
    { name: 'chronyd', state: 'started', restarts: 0, runlevels: ['default'] },
    { name: 'libvirtd', state: 'crashed', restarts: 0, runlevels: ['default'] },
    { name: 'quantix-network', state: 'started', restarts: 0, runlevels: ['default'] },
    { name: 'sshd', state: 'stopped', restarts: 0, runlevels: [] },
  ],
  ssh: async () => ({ state: 'off', until: null, enabledAtBoot: false }),
  health: async () => ({
    ok: true,
    version: '0.1.0',
    managementAddress: '10.0.0.7',
    controlPlane: { state: 'unreachable', address: '10.0.0.2', problem: 'connection refused' },
    dataDisk: { persistent: true, problem: null },
    maintenance: { on: false, reason: null, since: null },
    deployment: null,
    problems: [],
  }),
  stop: async () => ({ waits: null }),
  hardware: async () => HARDWARE,
  update: async () => UPDATES,
  sticks: async () => [
    { path: '/dev/sdb1', type: 'vfat', label: 'LOGS', size: 15_502_147_584, model: 'Kingston' },
  ],
  reach: async () => [
    { what: 'gateway', target: '10.0.0.1', state: 'reached', detail: 'it answers a ping' },
    { what: 'dns', target: '10.0.0.1', state: 'reached', detail: 'it answers' },
    { what: 'dns', target: '9.9.9.9', state: 'not-reached', detail: 'no answer within 4 s' },
    { what: 'control-plane', target: null, state: 'unknown', detail: 'none is joined' },
  ],
  logInKeys: async () => [
    { ...KEYS[0]!, kept: true },
    { ...KEYS[1]!, kept: false },
  ],
  hostKeys: async () => [HOST_KEY],
  keyboard: async () => ({
    chosen: 'us',
    layouts: [
      { name: 'de', title: 'German' },
      { name: 'fr', title: 'French' },
      { name: 'us', title: 'English (US)' },
    ],
  }),
  time: async () => ({
    servers: ['ntp1.example', '10.0.0.9'],
    synchronized: true,
    reference: '10.0.0.9',
    offset: 0.0123,
    sources: [
      { address: '10.0.0.9', state: 'selected' },
      { address: '192.0.2.1', state: 'silent' },
    ],
  }),
  systemLog: async () => ['first line of system', 'second line'],
  kernelLog: async () => ['first line of kernel', 'second line'],
  kernelWarnings: async () => [],
  vms: async () => ({
    libvirt: { available: true, version: '9.0.0' },
    vms: [vm('web', 'running'), vm('mail', 'running'), vm('old', 'shutoff')],
  }),
  pools: async () => [
    {
      ...POOL,
      id: 'a',
      name: 'data',
      kind: 'filesystem',
      path: '/data',
      source: '/dev/sda5',
      health: 'healthy',
      total: 900 * GIB,
      used: 300 * GIB,
      available: 600 * GIB,
    },
    {
      ...POOL,
      id: 'b',
      name: 'backup',
      kind: 'nfs',
      path: null,
      source: 'nas:/backup',
      health: 'unmounted',
      problem: 'nothing is mounted at /mnt/backup',
      total: 0,
      used: 0,
      available: 0,
    },
  ],
};

function vm(name: string, state: 'running' | 'shutoff') {
  return { id: name, name, state, cpus: 2, memory: 2 * GIB, persistent: true, autostart: false };
}

/** Later than any test, so that the age of a fact with this time is 0 s. */
const NOW = '2126-11-24T22:15:09.000Z';

/** Facts about that machine as the machine of a control plane. */
export const CONTROL_PLANE: Deps['facts'] = {
  host: async () => ({ ...HOST, product: 'QvDC', hostname: 'qvdc' }),
  network: async () => ({ ...NETWORK, hostname: 'qvdc' }),
  services: async () => [
    { name: 'etcd', state: 'started', restarts: 0, runlevels: ['default'] },
    { name: 'postgresql', state: 'starting', restarts: 0, runlevels: ['default'] },
    { name: 'redis', state: 'started', restarts: 0, runlevels: ['default'] },
  ],
  ssh: async () => ({ state: 'on', until: null, enabledAtBoot: true }),
  nodes: async () => [
    {
      id: '6f1c0b7e-52aa-8d11-9a3e-0c5d7f2b4a90',
      hostname: 'node7',
      managementAddress: '10.0.0.7',
      addressSince: NOW,
      phase: 'READY',
      lastHeard: NOW,
      isHeard: true,
      vms: 12,
      joinedAt: NOW,
      leftAt: null,
    },
    {
      id: '0b9e4d2f-7c31-8e45-8f06-5a1d3c6e7b82',
      hostname: 'a-host-with-a-name-that-is-long.example',
      managementAddress: '192.168.100.200',
      // A minute more, so that the shown age does not depend on the time to draw the screen.
      addressSince: new Date(Date.now() - 5 * 86_400_000 + 60_000).toISOString(),
      phase: 'DISCONNECTED',
      lastHeard: new Date(Date.now() - 3 * 86_400_000 - 60_000).toISOString(),
      isHeard: false,
      vms: 3,
      joinedAt: NOW,
      leftAt: null,
    },
  ],
  backups: async () => BACKED_UP,
  address: async () => ({
    port: 9443,
    origins: ['https://10.0.0.7:9443', 'https://10.0.0.8:9443'],
    planned: [],
    nodes: [
      {
        ...{ id: '6f1c0b7e-52aa-8d11-9a3e-0c5d7f2b4a90', hostname: 'node7', isHeard: true },
        ...{ isAware: true, over: '10.0.0.7', heartbeats: 12 },
      },
      {
        id: '0b9e4d2f-7c31-8e45-8f06-5a1d3c6e7b82',
        hostname: 'a-host-with-a-name-that-is-long.example',
        ...{ isHeard: false, isAware: false, over: null, heartbeats: 0 },
      },
    ],
  }),
  firstLogIn: async () => ({
    open: true,
    people: { port: 443, fingerprint: 'fedcba9876543210'.repeat(4) },
  }),
  readiness: async () => ({
    ready: true,
    version: '0.1.0',
    schemaVersion: 10,
    services: [
      { name: 'postgresql', state: 'ok', problem: '', askedAt: NOW },
      {
        name: 'etcd',
        state: 'failed',
        problem: 'connect ECONNREFUSED 127.0.0.1:2379',
        askedAt: NOW,
      },
      { name: 'redis', state: 'unknown', problem: '' },
    ],
    alerts: [
      {
        severity: 'WARNING',
        title: 'The folder of etcd was damaged',
        message: 'It was set aside as /var/lib/etcd/damaged, and etcd starts empty',
        createdAt: '2026-11-24T22:15:09.000Z',
      },
    ],
    persistent: false,
  }),
};
