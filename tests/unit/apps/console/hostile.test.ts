import { expect, test } from 'vitest';
import type { Deps } from '../../../../apps/console/deps.ts';
import { HARDWARE, HOST, HYPERVISOR, machine, NETWORK, UPDATES } from '../../../screens/machine.ts';
import { runConsole } from './run.ts';

/** Text that clears the screen, moves the cursor, rings the bell, renames the window, and is much too long. */
const EVIL = `\x1b[2J\x1b[1;1Hevil\x1b]0;title\x07\r\n\x1b[31m\x9b1;1H\x00\u202e${'long '.repeat(200)}\x1b`;

const VM = { id: 'a', cpus: 1, memory: 1, persistent: true, autostart: true };

const EVIL_KEY = { type: EVIL, fingerprint: EVIL, comment: EVIL, text: EVIL };

const [eth0, wlan0] = NETWORK.interfaces;
const FACTS: Deps['facts'] = {
  ...HYPERVISOR,
  host: async () => ({ ...HOST, hostname: EVIL, product: EVIL, version: EVIL, base: EVIL }),
  network: async () => ({
    ...NETWORK,
    hostname: EVIL,
    interfaces: [
      { ...eth0!, ssid: EVIL, problem: EVIL, source: EVIL, routes: [EVIL], ports: [EVIL] },
      { ...wlan0!, dns: [EVIL] },
    ],
  }),
  services: async () => [{ name: EVIL, state: 'failed', restarts: 0, runlevels: [] }],
  nodes: async () => [
    {
      ...{ id: EVIL, hostname: EVIL, managementAddress: EVIL, phase: EVIL, vms: 1 },
      ...{ addressSince: null, lastHeard: null, isHeard: false, joinedAt: EVIL, leftAt: null },
    },
  ],
  update: async () => ({
    ...UPDATES,
    version: EVIL,
    problem: EVIL,
    state: 'refused',
    slots: [{ slot: 'a', version: EVIL, serial: 1, good: true }],
    staging: { version: EVIL, done: 1, bytes: 2, running: false, problem: EVIL },
    last: { version: EVIL, before: EVIL, result: 'taken-back', reasons: [EVIL], at: EVIL },
    server: EVIL,
    keys: [EVIL],
  }),
  pools: () => Promise.reject(new Error(EVIL)),
  systemLog: async () => [EVIL, EVIL],
  keyboard: async () => ({ chosen: EVIL, layouts: [{ name: EVIL, title: EVIL }] }),
  reach: async () => [{ what: 'dns', target: EVIL, state: 'reached', detail: EVIL }],
  logInKeys: async () => [{ ...EVIL_KEY, kept: false }],
  hostKeys: async () => [EVIL_KEY],
  time: async () => ({
    servers: [EVIL],
    synchronized: true,
    reference: EVIL,
    offset: 1,
    sources: [{ address: EVIL, state: 'wrong' }],
  }),
  vms: async () => ({
    libvirt: { available: true, version: EVIL },
    vms: [{ ...VM, name: EVIL, state: 'running' }],
  }),
  health: async () => ({
    ok: true,
    version: EVIL,
    managementAddress: EVIL,
    controlPlane: { state: 'connected', address: EVIL, problem: EVIL },
    dataDisk: { persistent: false, problem: EVIL },
    maintenance: { on: true, reason: EVIL, since: EVIL },
    deployment: {
      runs: { version: EVIL, serial: 1, since: EVIL, state: 'confirmed' },
      takenBack: { version: EVIL, serial: 1, since: EVIL, at: EVIL, reason: EVIL },
      imageVersion: EVIL,
      lost: EVIL,
    },
    problems: [EVIL],
  }),
  hardware: async () => ({
    ...HARDWARE,
    model: EVIL,
    disks: HARDWARE.disks.map((disk) => ({ ...disk, model: EVIL, serial: EVIL })),
    sensors: HARDWARE.sensors.map((sensor) => ({ ...sensor, chip: EVIL, label: EVIL })),
  }),
  sticks: async () => [{ path: EVIL, type: 'vfat', label: EVIL, size: 1, model: EVIL }],
};

// biome-ignore-start lint/suspicious/noControlCharactersInRegex: they are what is looked for
/** Control sequences of the console itself: position, style, clear, cursor. */
const OWN = /\x1b\[(?:\d+;\d+H|H|2J|0m|0;1m|0;7m|\?25[hl])/g;
// biome-ignore-end lint/suspicious/noControlCharactersInRegex: they are what is looked for

test.each([
  ['status', ['1']],
  ['network', ['2']],
  ['interface', ['2', '\r']],
  ['static', ['2', 's']],
  ['IPv6', ['2', 'i']],
  ['routes', ['2', 'r']],
  ['bridge', ['2', 'b']],
  ['WiFi', ['2', 'jw']],
  ['join', ['2', 'jw', '\r']],
  ['services', ['4']],
  ['restart', ['4', 'r']],
  ['logs', ['5']],
  ['host name', ['6h']],
  ['time', ['6t']],
  ['time servers', ['6ts']],
  ['keys', ['3y']],
  ['keys of a stick', ['3ys', '\r']],
  ['test of the network', ['2t']],
  ['keyboard', ['6l']],
  ['failure', ['3', 'd']],
  ['virtual machines', ['6', 'v']],
  ['cutting power', ['6', 'v', 'x']],
  ['a virtual machine that does not start', ['6', 'v', 's']],
  ['disks and pools', ['6', 's']],
  ['maintenance', ['6', 'm']],
  ['hardware', ['6', 'w']],
  ['control plane', ['6', 'c']],
  ['nodes', ['6', 'n']],
  ['a join token that is not made', ['6', 'j', '\r']],
  ['a stick without a token', ['6', 'c', 't', '\r']],
  ['update', ['6', 'u']],
  ['sticks', ['6', 'b']],
  ['a stick that cannot be written', ['6', 'b', '\r']],
  ['reset', ['6', 'f']],
  ['reset with a mistake', ['6', 'f', '\tx']],
])('hostile texts do not break the frame: %s', async (_, keys) => {
  const { deps } = machine({
    facts: FACTS,
    scanWifi: async () => [{ ssid: EVIL, signal: -40, security: EVIL }],
    stickKeys: async () => [EVIL_KEY],
    disableSsh: () => Promise.reject(new Error(EVIL)),
    actOnVm: () => Promise.reject(new Error(EVIL)),
    readInvitation: () => Promise.reject(new Error(EVIL)),
    makeJoinToken: () => Promise.reject(new Error(EVIL)),
    writeSupport: () => Promise.reject(new Error(EVIL)),
  });
  const { terminal } = runConsole(deps);
  await terminal.see(/long long/);
  for (const key of keys) {
    terminal.type(key);
    await new Promise(setImmediate);
    await terminal.text();
  }
  await new Promise(setImmediate);
  const lines = (await terminal.text()).split('\n');
  expect(lines[0]).toMatch(/^ evil .*~ - [A-Z]/);
  expect(lines[23]).toMatch(/^ 1 Status 2 Network .* 9 Log-in$/);
  expect(terminal.written.replace(OWN, '')).toMatch(/^[ -~]*$/);
});
