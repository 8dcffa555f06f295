import { BuildError } from '../error.ts';
import { run } from '../process/run.ts';

/** Size of an ISO 9660 block in bytes. */
export const ISO_BLOCK = 2048;

/** The structure of an ISO as reported by xorriso. */
export interface IsoReport {
  volumeId: string;
  /** Boot images of the El Torito catalog (El Torito 1.0), in order. */
  bootImages: { platform: string; path: string | undefined; block: number }[];
  /** Partitions of the GPT: type GUID in GPT byte order as hex, start and size in 512-byte sectors. */
  partitions: { type: string; start: number; sectors: number }[];
  /** Whether the first sector has GRUB's boot code for booting as a disk under BIOS. */
  hybrid: boolean;
  /** All paths of its file system, from Rock Ridge. */
  paths: IsoPath[];
  /** Regular files, with the position of their contiguous bytes. */
  files: { path: string; block: number; size: number }[];
}

/** A path of an ISO. */
export interface IsoPath {
  path: string;
  kind: 'file' | 'directory' | 'boot catalog' | 'other';
  /** Permissions in the format of `ls -l`, without the type: `r-xr-xr-x`. */
  mode: string;
  /** `uid:gid`. */
  owner: string;
}

/**
 * Reads an ISO with xorriso: boot catalog, partition table, every path, and the position of each file.
 * @throws BuildError if xorriso cannot read it
 */
export async function reportIso(file: string, signal?: AbortSignal): Promise<IsoReport> {
  const text = await run(
    'xorriso',
    [
      ...['-indev', file, '-pvd_info', '-report_el_torito', 'plain'],
      ...['-report_system_area', 'plain', '-find', '/', '-type', 'f', '-exec', 'report_lba', '--'],
      ...['-find', '/', '-exec', 'lsdl', '--'],
    ],
    { signal },
  );
  return parseIsoReport(text, file);
}

/**
 * Parses the output of xorriso for `-pvd_info -report_el_torito plain -report_system_area plain` and for `report_lba`
 * and `lsdl` of every path; see xorriso(1).
 * @throws BuildError on a file line that cannot be parsed, because the file would remain unchecked
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
    paths: pathsOf(lines),
    files: filesOf(lines, where),
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

/** Joins the extents of each file, which are contiguous; files larger than 4 GiB have several. */
function filesOf(lines: string[], where: string): IsoReport['files'] {
  const files: (IsoReport['files'][number] & { extents: number; blocks: number })[] = [];
  for (const line of lines.filter((one) => one.startsWith('File data lba:'))) {
    const { extent, block, blocks, size, path } = extentLine(line, where);
    const last = files.at(-1);
    if (extent === 0) files.push({ path, block, size, extents: 1, blocks });
    else if (
      last?.path === path &&
      last.extents === extent &&
      last.block + last.blocks === block &&
      last.size === size
    ) {
      last.extents += 1;
      last.blocks += blocks;
    } else throw unreadableLine(line, where);
  }
  const short = files.find(({ size, blocks }) => blocks < Math.ceil(size / ISO_BLOCK));
  if (short !== undefined) throw unreadableLine(`${short.path} has too few blocks`, where);
  return files.map(({ path, block, size }) => ({ path, block, size }));
}

function extentLine(line: string, where: string) {
  const match = /^File data lba:\s+(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*,\s*'(.*)'$/.exec(
    line,
  );
  const [, extent, block, blocks, size, path] = match ?? [];
  if (path === undefined) throw unreadableLine(line, where);
  const [number, start, count, bytes] = [extent, block, blocks, size].map(Number);
  if (number === undefined || start === undefined || count === undefined || bytes === undefined) {
    throw unreadableLine(line, where);
  }
  return { extent: number, block: start, blocks: count, size: bytes, path: unquoted(path) };
}

const KINDS: Readonly<Record<string, IsoPath['kind']>> = {
  '-': 'file',
  d: 'directory',
  e: 'boot catalog',
};

/** Parses lines in the format of `ls -dl`, with quoted paths. */
function pathsOf(lines: string[]): IsoPath[] {
  const pattern =
    /^(\S)([-rwxsStT]{9})[ +]\s*\d+\s+(\d+)\s+(\d+)\s+\d+ \w{3} [\d ]\d [\d: ]{5} '(.*)'$/;
  return matches(lines, pattern).map(([letter = '', mode = '', uid, gid, path = '']) => ({
    path: unquoted(path),
    kind: KINDS[letter] ?? 'other',
    mode,
    owner: `${uid}:${gid}`,
  }));
}

function unquoted(path: string): string {
  return path.replaceAll(`'"'"'`, "'");
}

function unreadableLine(line: string, where: string): BuildError {
  return new BuildError({
    what: `a file of the ISO cannot be read back: ${line}`,
    where,
    fix: 'This is a bug of the builder: xorriso printed something that it does not know.',
  });
}
