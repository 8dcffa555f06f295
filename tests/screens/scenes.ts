import type { Deps } from '../../apps/console/deps.ts';
import { CONTROL_PLANE, HYPERVISOR, machine, UPDATES } from './machine.ts';

/** Keys to press, and the text that appears when they have been handled. */
export type Act = readonly [keys: string, seen: RegExp];

/** A state of a console to test, and the keys that lead to it from the start. */
export interface Scene {
  name: string;
  product: string;
  deps: Deps;
  acts: readonly Act[];
}

const RIGHT_PASSWORD: Partial<Deps> = { passwordState: async () => 'set' };
const START: Act = ['', /nas|backup/];

function scene(name: string, acts: readonly Act[], changes: Partial<Deps> = {}): Scene {
  return { name, product: 'Quantix-OS', deps: machine(changes).deps, acts: [START, ...acts] };
}

/** A scene of QvDC. */
function ofControlPlane(
  name: string,
  acts: readonly Act[],
  facts: Partial<Deps['facts']> = {},
): Scene {
  const { deps } = machine({ facts: { ...CONTROL_PLANE, ...facts } });
  return { name, product: 'QvDC', deps, acts: [['', /data is lost at a restart/], ...acts] };
}

const NETWORK: Act = ['2', /Hardware address/];
const WIFI: Act = ['\x1b[Bw', /machine room/];

const GOING_DOWN: Deps['facts'] = {
  ...HYPERVISOR,
  stop: async () => ({ waits: '2 of 3 guests still run, 87 s left: mail, web' }),
};

const MAINTENANCE = { on: true, reason: 'new memory', since: '2026-01-27T10:15:00.000Z' };
const IN_MAINTENANCE: Partial<Deps> = {
  facts: {
    ...HYPERVISOR,
    health: async () => ({
      ...(await HYPERVISOR.health(new AbortController().signal)),
      maintenance: MAINTENANCE,
    }),
  },
};

const TAKEN_BACK: Partial<Deps> = {
  facts: {
    ...HYPERVISOR,
    update: async () => ({
      ...UPDATES,
      last: {
        ...{ version: '0.2.0', before: '0.1.0', result: 'taken-back' },
        reasons: ['the control plane, which was reached before the update, is not: refused'],
        at: '2026-01-27T10:15:00.000Z',
      },
    }),
  },
};

/** The screens of the consoles, in the order of their menu. */
export const SCENES: readonly Scene[] = [
  scene('status', []),
  {
    name: 'status-qvdc',
    product: 'QvDC',
    deps: machine({ facts: CONTROL_PLANE }).deps,
    acts: [['', /data is lost at a restart/]],
  },
  ofControlPlane('nodes', [
    ['6n', /node7/],
    ['\x1b[B', /is not known/],
  ]),
  ofControlPlane('join-token', [['6j', /shown once/]]),
  ofControlPlane('join-token-made', [
    ['6j', /shown once/],
    ['\r', /not shown again/],
  ]),
  ofControlPlane('first-password', [['6a', /Enter Show it/]]),
  ofControlPlane('first-password-shown', [
    ['6a', /Enter Show it/],
    ['\r', /not shown again/],
  ]),
  ofControlPlane('first-password-used', [['6a', /has logged in/]], {
    firstLogIn: async () => ({ open: false, people: null }),
  }),
  ofControlPlane('backups', [['6d', /Each day/]]),
  ofControlPlane('backups-made', [
    ['6d', /Each day/],
    ['m', /Done/],
  ]),
  ofControlPlane('backups-none', [['6d', /Each day/]], {
    backups: async () => ({
      ...{ folder: '/data/backup/nightly', newest: null, hasPassphrase: false, at: '02:30' },
      problem: 'no backups are made: there is no passphrase for them',
    }),
  }),
  ofControlPlane('fleet-address', [['6r', /Connected/]]),
  ofControlPlane('fleet-address-change', [
    ['6r', /Connected/],
    ['c', /up to two minutes/],
  ]),
  ofControlPlane('fleet-address-changed', [
    ['6r', /Connected/],
    ['c', /up to two minutes/],
    ['\r', /Done/],
  ]),
  scene('network', [NETWORK]),
  scene('network-static', [NETWORK, ['s', /comes back/]]),
  scene('network-static-mistake', [
    NETWORK,
    ['s', /comes back/],
    ['\t\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f11.0.0.1', /Outside/],
  ]),
  scene('network-dhcp', [NETWORK, ['d', /gets address, gateway/]]),
  scene('network-trial', [NETWORK, ['d', /gets address, gateway/], ['\r', /unless you confirm/]]),
  scene('network-refused', [NETWORK, ['s', /comes back/], ['\r', /Failed/]], {
    changeNetwork: async () => {
      throw new Error('eth0: 10.0.0.7 is in use by 52:54:00:99:99:99');
    },
  }),
  scene('network-interface', [NETWORK, ['\r', /New VLAN on this interface/]]),
  scene('network-ipv6', [NETWORK, ['i', /IPv4 stays/]]),
  scene('network-bridge', [NETWORK, ['b', /new bridge/]]),
  scene('network-bond', [NETWORK, ['n', /new bond/]]),
  scene('network-vlan', [NETWORK, ['v', /new VLAN/]]),
  scene('network-mtu', [NETWORK, ['m', /Switches/]]),
  scene('network-routes', [NETWORK, ['r', /behind another gateway/]]),
  scene('network-test', [NETWORK, ['t', /none is joined/]]),
  scene('wifi', [NETWORK, WIFI]),
  scene('wifi-join', [NETWORK, WIFI, ['\r', /asked for by DHCP/]]),
  scene('ssh', [['3', /SSH is off[\s\S]*2 keys may[\s\S]*ED25519/]]),
  scene('ssh-time', [
    ['3', /SSH is off[\s\S]*2 keys may[\s\S]*ED25519/],
    ['e', /Minutes/],
  ]),
  scene('ssh-keys', [['3y', /anna@desk/]]),
  scene('ssh-key-add', [
    ['3y', /anna@desk/],
    ['a', /One line of/],
    ['ssh-ed25519 AAAAC3Nza', /not the whole/],
  ]),
  scene('ssh-key-stick', [
    ['3y', /anna@desk/],
    ['s', /Kingston/],
  ]),
  scene('ssh-key-found', [
    ['3y', /anna@desk/],
    ['s', /Kingston/],
    ['\r', /Found on/],
  ]),
  scene('ssh-key-url', [
    ['3y', /anna@desk/],
    ['u', /sha256sum/],
  ]),
  scene('services', [['4', /chronyd/]]),
  scene('services-restart', [
    ['4', /chronyd/],
    ['\r', /Restart chronyd/],
  ]),
  scene('logs', [['5', /first line of system/]], {
    facts: { ...HYPERVISOR, systemLog: async () => LOG },
  }),
  scene('system', [['6', /Password/]]),
  scene('vms', [['6v', /web/]]),
  scene('vms-cut', [
    ['6v', /web/],
    ['\x1b[B\x1b[Bx', /is lost/],
  ]),
  scene('vms-maintenance', [['6v', /new memory/]], IN_MAINTENANCE),
  scene('storage', [['6s', /nvme0n1/]]),
  scene('storage-create', [
    ['6s', /nvme0n1/],
    ['c', /that is not empty/],
  ]),
  scene(
    'storage-refused',
    [
      ['6s', /nvme0n1/],
      ['c', /that is not empty/],
      ['fast\t\t/dev/sdb\r', /Failed/],
    ],
    {
      addPool: async () => {
        throw new Error('/dev/sdb holds a file system (vfat, LOGS). Type its serial');
      },
    },
  ),
  scene('maintenance', [['6m', /as usual/]]),
  scene('maintenance-on', [['6m', /new memory/]], IN_MAINTENANCE),
  scene('password', [['6p', /Once more/]]),
  scene('host-name', [['6h', /takes effect at once/]]),
  scene('keyboard', [['6l', /German/]]),
  scene('time', [['6t', /sets the clock/]]),
  scene('time-servers', [
    ['6t', /sets the clock/],
    ['s', /without Internet access/],
  ]),
  scene('control-plane', [['6c', /j Join/]]),
  scene('control-plane-join', [
    ['6c', /j Join/],
    ['j', /Each host needs a token/],
    ['qvdc\tqxj', /not a join token/],
  ]),
  scene('control-plane-stick', [
    ['6c', /j Join/],
    ['t', /LOGS/],
  ]),
  scene('control-plane-compare', [
    ['6c', /j Join/],
    ['t', /LOGS/],
    ['\r', /fingerprint/],
  ]),
  scene('hardware', [['6w', /PowerEdge/]]),
  scene('update', [['6u', /serial 4/]]),
  scene('update-taken-back', [['6u', /was taken back/]], TAKEN_BACK),
  scene('update-activate', [
    ['6u', /serial 4/],
    ['a', /Restart into/],
  ]),
  scene('support', [['6b', /LOGS/]]),
  scene('reset', [['6f', /ALL OF IT|stays as it is/]]),
  scene('reset-mistake', [
    ['6f', /stays as it is/],
    ['\x1b[C\tnode8', /It is called node7/],
  ]),
  ofControlPlane('reset-control-plane', [['6f', /certificate authority/]]),
  scene('power', [['7', /Shut down/]]),
  scene('power-confirm', [
    ['7', /Shut down/],
    ['s', /2 virtual machines/],
  ]),
  {
    name: 'power-going-down',
    product: 'Quantix-OS',
    deps: machine({ facts: GOING_DOWN }).deps,
    acts: [
      ['', /Going down/],
      ['7', /is going down/],
      ['c', /Stop waiting\?/],
    ],
  },
  scene(
    'authorization',
    [
      ['8', /Password of root/],
      ['wrong\r', /not the password/],
    ],
    RIGHT_PASSWORD,
  ),
];

const LOG = [
  'Nov 24 22:15:01 node7 syslog.info syslogd started: first line of system',
  'Nov 24 22:15:03 node7 daemon.info qx-network: eth0: 10.0.0.7/24 by DHCP',
  'Nov 24 22:15:09 node7 daemon.err libvirtd[711]: internal error: the monitor \x1b[31mclosed\x1b[0m',
];
