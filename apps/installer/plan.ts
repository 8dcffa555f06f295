import {
  type DiskLayout,
  type LaidPartition,
  PARTITION_NAMES,
  PARTITION_NUMBERS,
  type PartitionRole,
} from '../../build/disk/layout.ts';
import { planLayout } from '../../build/disk/plan-layout.ts';
import { TRAILER_BYTES } from '../../build/disk/slot-trailer.ts';
import { ExplainedError } from '../error.ts';
import type { Answer, DiskChoice } from './answer.ts';
import type { DiskFacts, MachineFacts } from './facts.ts';

/** An installation that is to be carried out. */
export interface InstallPlan {
  disk: DiskFacts;
  /** `reinstall` keeps the partitions with configuration and data, and replaces everything else. */
  kind: 'install' | 'reinstall';
  layout: DiskLayout;
  /** Content of the disk that will be destroyed: `ZFS`, `a Quantix-OS with its configuration`. */
  destroys: readonly string[];
  /** Devices to take apart first, from `DiskFacts.holders`. */
  release: readonly string[];
  /** Remarks for people, one sentence each. */
  remarks: readonly string[];
  /** Warnings, one sentence each; the report of the installation repeats them. */
  warnings: readonly string[];
}

/** A plan, or all reasons why there is none, one clause each. */
export type Planned = { plan: InstallPlan } | { reasons: readonly string[] };

/** Returns what a person types to permit erasing a disk: its serial number or, if it has none, its path. */
export function determineProof({ serial, path }: Pick<DiskFacts, 'serial' | 'path'>): string {
  return serial ?? path;
}

/**
 * Plans an installation. A pure function of its arguments.
 * @param newGuid generates a GUID in lower case
 */
export function planInstall(machine: MachineFacts, answer: Answer, newGuid: () => string): Planned {
  const chosen = chooseDisk(machine, answer.disk);
  if ('reasons' in chosen) return chosen;
  const { disk, remarks } = chosen;
  const own = isOwn(disk, machine.image.labelPrefix);
  const keeps = own && answer['keep-data'] && hasFileSystems(disk);
  const reasons = [...refusals(disk, machine)];
  const destroys = keeps ? [] : contentsOf(disk, own, machine.image.title);
  if (destroys.length > 0 && answer.erase !== determineProof(disk)) {
    reasons.push(refuseErasing(disk, destroys, answer.erase));
  }
  const laid = keeps ? keptLayout(disk, machine) : newLayout(disk, { machine, answer, newGuid });
  if ('reason' in laid) reasons.push(laid.reason);
  if (reasons.length > 0 || 'reason' in laid) return { reasons };
  const plan: InstallPlan = {
    disk,
    kind: keeps ? 'reinstall' : 'install',
    layout: laid.layout,
    destroys,
    release: disk.holders,
    remarks: [
      ...remarks,
      ...(keeps && Object.keys(answer.configuration).length > 0
        ? ['The configuration on the disk stays: that of the answer is not written.']
        : []),
      ...(disk.sectorSize === 4096
        ? ['It has sectors of 4096 bytes: only UEFI starts from it.']
        : []),
      ...(disk.transport === 'usb' ? ['It is a USB disk.'] : []),
    ],
    warnings: keeps ? [] : warnOfConfiguration(machine, answer),
  };
  return { plan };
}

/** Returns a warning if the configuration of the running system is to be carried over, and is not mounted. */
function warnOfConfiguration({ unmountedConfiguration: why }: MachineFacts, answer: Answer) {
  if (why === null || !answer['carry-over']) return [];
  return [`Of the stored configuration nothing is carried over: ${why}.`];
}

type Chosen = { disk: DiskFacts; remarks: readonly string[] } | { reasons: readonly string[] };

function chooseDisk({ disks }: MachineFacts, choice: DiskChoice): Chosen {
  const matching = disks.filter((disk) => matches(disk, choice));
  const all = bySize(matching.filter(({ isMedium }) => !isMedium));
  const [disk, second] = all;
  if (disk === undefined) {
    const reason =
      matching.length > 0
        ? `${shortName(matching[0])} is the medium that this system was started from`
        : `no disk is ${describeChoice(choice)}; there are: ${disks.map(shortName).join(', ') || 'none'}`;
    return { reasons: [reason] };
  }
  const paths = disks.filter((one) => disk.wwn !== null && one.wwn === disk.wwn);
  if (paths.length > 1 && (choice.pick === 'smallest' || all.every((one) => paths.includes(one)))) {
    const names = paths.map((one) => one.path).join(', ');
    if (choice.wwn !== undefined) {
      return { disk, remarks: [`It is reached by several paths (${names}), and written by one.`] };
    }
    return {
      reasons: [
        `one disk is reached by several paths (${names}): an answer names it by its wwn, ${disk.wwn}`,
      ],
    };
  }
  if (second === undefined) return { disk, remarks: [] };
  if (choice.pick === 'smallest' && disk.bytes < second.bytes) return { disk, remarks: [] };
  const which =
    choice.pick === 'smallest' ? 'several disks are as small and' : `${all.length} disks are`;
  return { reasons: [`${which} ${describeChoice(choice)}: ${all.map(shortName).join(', ')}`] };
}

function matches(disk: DiskFacts, choice: DiskChoice): boolean {
  const { serial, wwn, path, model } = choice;
  const least = choice['min-size'];
  return (
    (serial === undefined || disk.serial === serial) &&
    (wwn === undefined || (disk.wwn !== null && bareName(disk.wwn) === bareName(wwn))) &&
    (path === undefined || disk.path === path) &&
    (model === undefined || (disk.model !== null && modelMatches(disk.model, model))) &&
    (least === undefined || disk.bytes >= least)
  );
}

/** Returns a world-wide name without the prefixes that different programs add. */
function bareName(wwn: string): string {
  return wwn.toLowerCase().replace(/^(naa\.|eui\.|nvme\.|0x)+/, '');
}

function modelMatches(model: string, pattern: string): boolean {
  const parts = pattern.toLowerCase().split('*');
  const text = model.toLowerCase();
  const [first = '', ...rest] = parts;
  if (!text.startsWith(first)) return false;
  if (rest.length === 0) return text === first;
  const last = rest.pop() ?? '';
  let position = first.length;
  for (const part of rest) {
    const found = text.indexOf(part, position);
    if (found < 0) return false;
    position = found + part.length;
  }
  return text.length - last.length >= position && text.endsWith(last);
}

function bySize(disks: readonly DiskFacts[]): DiskFacts[] {
  return disks.toSorted(
    (one, other) => one.bytes - other.bytes || (one.path < other.path ? -1 : 1),
  );
}

function describeChoice(choice: DiskChoice): string {
  const { serial, wwn, path, model } = choice;
  const least = choice['min-size'];
  const words = [
    serial && `serial ${serial}`,
    wwn && `wwn ${wwn}`,
    path && `path ${path}`,
    model && `model ${model}`,
    least && `of at least ${least} bytes`,
  ];
  return words.filter((word) => word !== undefined).join(', ');
}

function shortName(disk: DiskFacts | undefined): string {
  if (disk === undefined) return 'none';
  return disk.serial === null ? disk.path : `${disk.path} (serial ${disk.serial})`;
}

/** Returns why a disk cannot be used, independent of its content. */
function refusals(disk: DiskFacts, { firmware }: MachineFacts): string[] {
  const { path } = disk;
  return [
    ...(disk.readOnly ? [`${path} is read-only`] : []),
    ...disk.uses.map((use) => `${path} is in use: ${use}`),
    ...(firmware === 'bios' && disk.sectorSize !== 512
      ? [
          `${path} has sectors of ${disk.sectorSize} bytes, which a BIOS cannot start from: start this machine by UEFI`,
        ]
      : []),
  ];
}

/** Whether a disk has the partitions of an installation of this product. */
function isOwn(disk: DiskFacts, prefix: string): boolean {
  const roles = ['efi', 'a', 'b', 'configuration'] as const;
  return (
    disk.guid !== null &&
    roles.every((role) => partitionOf(disk, role)?.name === `${prefix}-${PARTITION_NAMES[role]}`)
  );
}

function partitionOf(disk: DiskFacts, role: PartitionRole) {
  return disk.partitions.find(({ number }) => number === PARTITION_NUMBERS[role]);
}

/**
 * Whether the partitions for configuration and data have file systems, which can be kept. An installation fills these
 * before it writes the partition table: if one is missing, the installation is damaged.
 */
function hasFileSystems(disk: DiskFacts): boolean {
  return (['configuration', 'data'] as const).every((role) => {
    const partition = partitionOf(disk, role);
    if (partition === undefined) return role === 'data';
    const end = partition.offset + partition.bytes;
    return disk.contents.some(
      ({ name, offset }) => name === 'ext' && offset >= partition.offset && offset < end,
    );
  });
}

function contentsOf(disk: DiskFacts, own: boolean, title: string): string[] {
  if (own && !hasFileSystems(disk)) {
    return [`a ${title} whose installation was not finished, or whose file systems are damaged`];
  }
  if (own) return [`a ${title} with its configuration and data`];
  const names = new Set(disk.contents.map(({ name }) => name));
  if (names.size === 0 && disk.partitions.length > 0) names.add('partitions');
  return [...names];
}

function refuseErasing(
  disk: DiskFacts,
  destroys: readonly string[],
  erase: string | undefined,
): string {
  const what = `${disk.path} holds ${destroys.join(', ')}, which would be lost`;
  const other = erase === undefined ? '' : `, and not by ${JSON.stringify(erase)}`;
  return `${what}: \`erase: ${determineProof(disk)}\` allows it${other}`;
}

type Laid = { layout: DiskLayout } | { reason: string };

function newLayout(
  disk: DiskFacts,
  { machine, answer, newGuid }: { machine: MachineFacts; answer: Answer; newGuid: () => string },
): Laid {
  try {
    const layout = planLayout({
      bytes: disk.bytes,
      sectorSize: disk.sectorSize,
      labelPrefix: machine.image.labelPrefix,
      imageBytes: machine.image.bytes,
      data: answer.data,
      bios: machine.hasBios && disk.sectorSize === 512,
      newGuid,
    });
    return { layout };
  } catch (error) {
    if (!(error instanceof ExplainedError)) throw error;
    return { reason: `${disk.path}: ${error.message.replace(/\.$/, '')}` };
  }
}

/** Returns the present layout of a disk, whose partitions are rewritten except for configuration and data. */
function keptLayout(disk: DiskFacts, { image, firmware }: MachineFacts): Laid {
  const refuse = (what: string): Laid => ({
    reason: `${disk.path}: the installation on it cannot be kept: ${what}. \`keep-data: false\` with \`erase\` makes it anew`,
  });
  const roles = Object.keys(PARTITION_NUMBERS) as PartitionRole[];
  const partitions = roles.flatMap((role): LaidPartition[] => {
    const found = partitionOf(disk, role);
    if (found === undefined) return [];
    return [{ ...found, role }];
  });
  const numbers = new Set<number>(Object.values(PARTITION_NUMBERS));
  const others = disk.partitions.filter(({ number }) => !numbers.has(number));
  if (others.length > 0) return refuse(`it has another partition, number ${others[0]?.number}`);
  const slots = partitions.filter(({ role }) => role === 'a' || role === 'b');
  const least = Math.min(...slots.map(({ bytes }) => bytes));
  if (least < image.bytes + TRAILER_BYTES) {
    return refuse(
      `a place for an image has ${least} bytes, and this one needs ${image.bytes + TRAILER_BYTES}`,
    );
  }
  if (firmware === 'bios' && !partitions.some(({ role }) => role === 'bios')) {
    return refuse('it has no partition for a BIOS, which this machine has');
  }
  const { bytes, sectorSize, guid } = disk;
  return { layout: { bytes, sectorSize, guid: guid ?? '', partitions } };
}
