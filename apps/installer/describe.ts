import type { DiskFacts } from './facts.ts';
import type { Progress } from './install.ts';
import type { InstallPlan } from './plan.ts';

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** Formats a size for people, in the largest unit with at least one: `256 MiB`, `1.8 TiB`. */
export function formatSize(bytes: number): string {
  let size = bytes;
  let unit = 0;
  while (size >= 1024 && unit < UNITS.length - 1) {
    size /= 1024;
    unit += 1;
  }
  const text = size >= 10 || Number.isInteger(size) ? String(Math.round(size)) : size.toFixed(1);
  return `${text} ${UNITS[unit]}`;
}

/** Describes a disk in one line, with its path, size, transport, model and serial number. */
export function describeDisk({ path, model, serial, bytes, transport }: DiskFacts): string {
  const attached = transport === 'other' ? '' : `, ${transport}`;
  const number = serial === null ? 'no serial number' : `serial ${serial}`;
  return `${path}  ${formatSize(bytes)}${attached}  ${model ?? 'unknown model'}  ${number}`;
}

/** Describes the content of a disk in a few words. */
export function describeContents({ isMedium, uses, contents, partitions }: DiskFacts): string {
  if (isMedium) return 'this system was started from it';
  if (uses.length > 0) return uses.join(', ');
  const names = [...new Set(contents.map(({ name }) => name))];
  if (names.length === 0) return partitions.length === 0 ? 'empty' : 'partitions';
  const labels = partitions.map(({ name }) => name).filter((name) => name !== '');
  return labels.length === 0 ? names.join(', ') : `${names.join(', ')}: ${labels.join(' ')}`;
}

/** Describes what a plan does, by line. */
export function planText(plan: InstallPlan): string[] {
  const { disk, kind, layout, destroys, release, remarks, warnings } = plan;
  return [
    describeDisk(disk),
    kind === 'reinstall'
      ? 'The system on it is written anew; configuration and data stay.'
      : 'The whole disk is written anew.',
    ...(destroys.length > 0 ? [`Destroyed: ${destroys.join(', ')}.`] : []),
    ...(release.length > 0 ? [`Taken apart first: ${release.join(', ')}.`] : []),
    ...layout.partitions.map(({ name, role, bytes }) => {
      const kept = kind === 'reinstall' && (role === 'configuration' || role === 'data');
      return `  ${name.padEnd(14)} ${formatSize(bytes).padStart(9)}  ${kept ? 'stays' : PURPOSES[role]}`;
    }),
    ...remarks,
    ...warnings.map((warning) => `Warning: ${warning}`),
  ];
}

/** Purposes of the partitions. */
const PURPOSES = {
  bios: 'boot loader for BIOS',
  efi: 'boot loader',
  a: 'the system, as it is on the medium',
  b: 'free, for an update',
  configuration: 'configuration, /quantix',
  data: 'data, /data',
} as const;

/** Describes the progress of an installation, in steps of ten per cent. */
export function describeProgress({ step, done, total }: Progress): string {
  const part =
    total === 0 ? '' : ` ${Math.floor((done / total) * 10) * 10} % of ${formatSize(total)}`;
  return `${STEPS[step]}${part}`;
}

/** Descriptions of the steps. */
const STEPS: Readonly<Record<Progress['step'], string>> = {
  look: 'looking at the disk once more',
  check: 'checking the medium',
  read: 'reading the medium',
  wipe: 'wiping what was on the disk',
  table: 'writing the partition table',
  'file-systems': 'making file systems',
  image: 'writing the system',
  verify: 'reading it back',
  boot: 'writing the boot loader',
  finish: 'writing the report',
};
