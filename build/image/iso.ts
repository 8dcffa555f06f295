import { makeAtomically } from '../process/atomic-write.ts';
import { run } from '../process/run.ts';
import { HYBRID_BOOT_SECTOR } from './boot-loader.ts';

export interface IsoRequest {
  /** ISO 9660 volume id. */
  volumeId: string;
  /** Path on the medium → file on the host. */
  files: Readonly<Record<string, string>>;
  /** GRUB for BIOS, on the host; goes to `BIOS_IMAGE_PATH`. */
  biosImage: string;
  /** EFI system partition, on the host; appended behind the file system. */
  espImage: string;
  /** Time stamp of everything, seconds since 1970. */
  epoch: number;
}

/** Path on the medium of GRUB for BIOS. */
export const BIOS_IMAGE_PATH = '/boot/grub/bios.img';

/**
 * Writes a hybrid ISO that boots under BIOS and UEFI, from CD and, written as it is, from a disk.
 * The same files and time stamp give the same bytes.
 * @param check reads the ISO back before it gets its name; what it returns is returned
 * @throws BuildError if xorriso is missing or fails (a full disk, say), or `check` does; nothing is left then
 */
export async function writeIso<T>(
  file: string,
  request: IsoRequest,
  { check, signal }: { check: (file: string) => Promise<T>; signal?: AbortSignal | undefined },
): Promise<T> {
  return makeAtomically(file, async (temporary) => {
    await run('xorriso', isoArguments(temporary, request), {
      env: { SOURCE_DATE_EPOCH: String(request.epoch) },
      signal,
    });
    return check(temporary);
  });
}

/** xorriso's arguments (xorrisofs(1)): El Torito for both firmwares, and a real EFI system partition in a GPT. */
export function isoArguments(output: string, request: IsoRequest): string[] {
  const { volumeId, files, biosImage, espImage, epoch } = request;
  const grafts = Object.entries({ ...files, [BIOS_IMAGE_PATH]: biosImage })
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(graftPoint);
  return [
    ...['-as', 'mkisofs', '-quiet', '-o', output, '-V', volumeId, '-sysid', 'LINUX'],
    ...['-iso-level', '3', '-full-iso9660-filenames', '-joliet', '-rational-rock'],
    ...['--set_all_file_dates', isoDate(epoch)],
    ...['-b', BIOS_IMAGE_PATH, '-c', '/boot/grub/boot.cat', '-no-emul-boot'],
    ...['-boot-load-size', '4', '-boot-info-table', '--grub2-boot-info'],
    ...['--grub2-mbr', HYBRID_BOOT_SECTOR, '-partition_offset', '16'],
    ...['-append_partition', '2', '0xef', espImage, '-appended_part_as_gpt'],
    ...['-eltorito-alt-boot', '-e', '--interval:appended_partition_2:all::', '-no-emul-boot'],
    ...['-graft-points', ...grafts],
  ];
}

/** A file on the host and its path on the medium as xorrisofs(1) takes them, `PATH=FILE`; `=` and `\` are escaped. */
export function graftPoint([path, source]: readonly [path: string, source: string]): string {
  const [target, file] = [path, source].map((text) => text.replace(/[\\=]/g, '\\$&'));
  return `${target}=${file}`;
}

/** `YYYYMMDDhhmmsscc` in UTC, as `-volume_date` and `--set_all_file_dates` take it. */
function isoDate(epoch: number): string {
  const [date = '', time = ''] = new Date(epoch * 1000).toISOString().split('T');
  return `${date.replaceAll('-', '')}${time.slice(0, 8).replaceAll(':', '')}00`;
}
