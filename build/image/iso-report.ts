import { BuildError } from '../error.ts';
import { run } from '../process/run.ts';

/** Bytes of an ISO 9660 block. */
export const ISO_BLOCK = 2048;

/** What xorriso reads back from an ISO. */
export interface IsoReport {
  volumeId: string;
  /** Boot images of the El Torito catalog (El Torito 1.0), in order. */
  bootImages: { platform: string; path: string | undefined; block: number }[];
  /** Partitions of the GPT: type GUID in GPT byte order as hex, start and size in 512-byte sectors. */
  partitions: { type: string; start: number; sectors: number }[];
  /** Whether a BIOS that boots the image as a disk finds GRUB in the first sector. */
  hybrid: boolean;
  /** Regular files: where their bytes are. */
  files: { path: string; block: number; size: number }[];
}

/**
 * Reads an ISO back with xorriso: boot catalog, partition table, and where each file's bytes are.
 * @throws BuildError if xorriso cannot read it
 */
export async function reportIso(file: string, signal?: AbortSignal): Promise<IsoReport> {
  const text = await run(
    'xorriso',
    [
      ...['-indev', file, '-pvd_info', '-report_el_torito', 'plain'],
      ...['-report_system_area', 'plain', '-find', '/', '-type', 'f', '-exec', 'report_lba', '--'],
    ],
    { signal },
  );
  return parseIsoReport(text, file);
}

/**
 * Parses what xorriso prints for `-pvd_info -report_el_torito plain -report_system_area plain` and
 * `report_lba`; see xorriso(1).
 * @throws BuildError on a file line that cannot be read, so that no file stays unchecked
 */
export function parseIsoReport(text: string, where: string): IsoReport {
  const lines = text.split('\n');
  const paths = new Map(
    matches(lines, /^El Torito img path :\s+(\d+)\s+(\S.*)$/).map(([n, path]) => [n, path]),
  );
  return {
    volumeId: matches(lines, /^Volume Id\s*:\s?(.*?)\s*$/)[0]?.[0] ?? '',
    bootImages: matches(
      lines,
      /^El Torito boot img :\s+(\d+)\s+(\S+)\s+y\s+none\s+\S+\s+\S+\s+\d+\s+(\d+)$/,
    ).map(([n, platform = '', block]) => ({ platform, path: paths.get(n), block: Number(block) })),
    partitions: partitions(lines),
    hybrid: lines.some((line) => /^System area summary:.*\bgrub2-mbr\b/.test(line)),
    files: lines
      .filter((line) => line.startsWith('File data lba:'))
      .map((line) => fileLine(line, where)),
  };
}

function matches(lines: string[], pattern: RegExp): string[][] {
  return lines.flatMap((line) => {
    const match = pattern.exec(line);
    return match === null ? [] : [match.slice(1)];
  });
}

function partitions(lines: string[]): IsoReport['partitions'] {
  const types = matches(lines, /^GPT type GUID\s+:\s+(\d+)\s+([0-9a-f]{32})$/);
  const places = new Map(
    matches(lines, /^GPT start and size :\s+(\d+)\s+(\d+)\s+(\d+)$/).map(([n, ...place]) => [
      n,
      place,
    ]),
  );
  return types.map(([n, type = '']) => {
    const [start, sectors] = places.get(n) ?? [];
    return { type, start: Number(start), sectors: Number(sectors) };
  });
}

function fileLine(line: string, where: string): IsoReport['files'][number] {
  const match = /^File data lba:\s+(\d+)\s*,\s*(\d+)\s*,\s*\d+\s*,\s*(\d+)\s*,\s*'(.*)'$/.exec(
    line,
  );
  const [, extent, block, size, path] = match ?? [];
  if (path === undefined || extent !== '0') {
    throw new BuildError({
      what: `a file of the ISO cannot be read back: ${line}`,
      where,
      fix: 'This is a bug of the builder: every file must be one extent.',
    });
  }
  return { path: path.replaceAll(`'"'"'`, "'"), block: Number(block), size: Number(size) };
}
