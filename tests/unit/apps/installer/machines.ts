import type { DiskFacts, MachineFacts } from '../../../../apps/installer/facts.ts';

export const GIB = 1024 ** 3;
export const MIB = 1024 ** 2;

/** A disk with nothing on it. */
export function disk(changes: Partial<DiskFacts> = {}): DiskFacts {
  return {
    path: '/dev/sda',
    model: 'SAMSUNG MZ7LH480',
    serial: 'S45PNA0M500001',
    wwn: 'naa.5002538e40000001',
    bytes: 480 * GIB,
    sectorSize: 512,
    transport: 'sata',
    readOnly: false,
    isMedium: false,
    uses: [],
    holders: [],
    partitions: [],
    guid: null,
    contents: [],
    ...changes,
  };
}

/** A machine with these disks. */
export function machineWith(disks: DiskFacts[], changes: Partial<MachineFacts> = {}): MachineFacts {
  return {
    firmware: 'uefi',
    hasBios: true,
    image: {
      product: 'quantix-os',
      title: 'Quantix-OS',
      labelPrefix: 'QUANTIX',
      version: '0.1.0',
      bytes: 250 * MIB,
    },
    disks,
    unmountedConfiguration: null,
    ...changes,
  };
}

/** Returns a generator of consecutive GUIDs. */
export function counting(): () => string {
  let count = 0;
  return () => {
    count += 1;
    return `00000000-0000-4000-8000-${count.toString(16).padStart(12, '0')}`;
  };
}
