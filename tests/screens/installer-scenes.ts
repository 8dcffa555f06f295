import type { Answer } from '../../apps/installer/answer.ts';
import type { DiskFacts } from '../../apps/installer/facts.ts';
import { planInstall } from '../../apps/installer/plan.ts';
import type { Report } from '../../apps/installer/report.ts';
import type { Deps } from '../../apps/installer/screens/deps.ts';
import { GIB, MIB, machineWith } from '../unit/apps/installer/machines.ts';
import type { Act } from './scenes.ts';

/** A state of the installer to test, and the keys that lead to it from the start. */
export interface InstallerScene {
  name: string;
  deps: Deps;
  acts: readonly Act[];
}

const EMPTY: DiskFacts = {
  path: '/dev/nvme0n1',
  model: 'SAMSUNG MZQL2480',
  serial: 'S64GNE0R911111',
  wwn: 'eui.36344730529111110025384500000001',
  bytes: 480 * GIB,
  sectorSize: 512,
  transport: 'nvme',
  readOnly: false,
  isMedium: false,
  uses: [],
  holders: [],
  partitions: [],
  guid: null,
  contents: [],
};

const USED: DiskFacts = {
  ...EMPTY,
  path: '/dev/sda',
  model: 'ST4000NM000A',
  serial: 'WJG0T5N2',
  wwn: 'naa.5000c500d1e2f304',
  bytes: 4000 * GIB,
  sectorSize: 4096,
  transport: 'sata',
  contents: [
    { name: 'LVM', offset: 512 },
    { name: 'ZFS', offset: 131_072 },
  ],
};

const STICK: DiskFacts = {
  ...EMPTY,
  path: '/dev/sdb',
  model: 'Kingston DataTraveler 3.0',
  serial: '60A44C413FBC',
  wwn: null,
  bytes: 14 * GIB,
  transport: 'usb',
  isMedium: true,
};

const MACHINE = machineWith([EMPTY, USED, STICK]);

/** Result of a finished installation. */
export const REPORT: Report = {
  format: 1,
  result: 'installed',
  problem: null,
  warnings: [],
  product: 'quantix-os',
  version: '0.1.0',
  kind: 'install',
  disk: {
    path: '/dev/nvme0n1',
    model: null,
    serial: 'S64GNE0R911111',
    wwn: null,
    bytes: 480 * GIB,
    sectorSize: 512,
  },
  partitions: [],
  sha256: 'a'.repeat(64),
  startedAt: '2126-11-24T22:15:09.000Z',
  seconds: 41,
};

/** Returns the same GUID at each call. */
function newGuid(): string {
  return '00000000-0000-4000-8000-000000000000';
}

/** A machine without faults, and the calls that it received. */
export function installerMachine(changes: Partial<Deps> = {}): {
  deps: Deps;
  calls: [string, ...unknown[]][];
} {
  const calls: [string, ...unknown[]][] = [];
  const deps: Deps = {
    isInstalling: async () => false,
    look: async () => MACHINE,
    plan: async (answer) => planInstall(MACHINE, answer, newGuid),
    carryOut: async (plan, answer: Answer) => {
      calls.push(['carryOut', plan.disk.path, answer.erase, answer['carry-over'], answer.data]);
      return REPORT;
    },
    carryOutAnswer: async () => null,
    restart: async () => void calls.push(['restart']),
    powerOff: async () => void calls.push(['powerOff']),
    useLive: async () => void calls.push(['useLive']),
    ...changes,
  };
  return { deps, calls };
}

/** An installation that never finishes. */
const halfDone: Deps['carryOut'] = (_plan, _answer, { onProgress }) => {
  onProgress({ step: 'image', done: 125 * MIB, total: 250 * MIB });
  return new Promise(() => undefined);
};

const DISKS: Act = ['', /On which disk/];
const PLAN: Act = ['\r', /written anew/];

function scene(name: string, acts: readonly Act[], changes: Partial<Deps> = {}): InstallerScene {
  return { name: `install-${name}`, deps: installerMachine(changes).deps, acts: [DISKS, ...acts] };
}

/** The screens of the installer, in the order in which they come. */
export const INSTALLER_SCENES: readonly InstallerScene[] = [
  scene('disks', []),
  scene('plan', [PLAN]),
  scene('refused', [['\x1b[B\x1b[B\r', /cannot be taken/]]),
  scene('erase', [
    ['\x1b[B\r', /Destroyed/],
    ['\r', /Serial number/],
    ['WJG', /It is/],
  ]),
  scene('progress', [PLAN, ['\r', /50 %/]], { carryOut: halfDone }),
  scene('done', [PLAN, ['\r', /is installed on/]]),
  scene('failed', [PLAN, ['\r', /Nothing is installed/]], {
    carryOut: async () => ({
      ...REPORT,
      result: 'failed',
      problem:
        'the disk gives errors: writing byte 1048576 failed with EIO (/dev/nvme0n1). Replace it.',
    }),
  }),
];
