import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeAtomically } from '../../process/atomic-write.ts';
import { run } from '../../process/run.ts';
import { makeScratchFolder } from '../../process/scratch-folder.ts';
import { makeFat } from '../fat.ts';
import { formatGraftPoint } from '../iso.ts';

/** Time stamp of everything on a drive: the earliest in FAT, 1980-01-01. */
const EPOCH = 315_532_800;

/** Permissions of the drive's file, which may contain a password. */
const OWNER_ONLY = 0o600;

/** Label and content of a config drive. */
export interface ConfigDrive {
  /** Label by which the initramfs finds the drive: `HELLO-CFG`. */
  label: string;
  /** Path on the drive → text. */
  files: Readonly<Record<string, string>>;
  signal?: AbortSignal | undefined;
}

/** Kinds of drive: a FAT disk, which the machine can write to, or a read-only ISO. */
export const WRITERS = { fat: writeFatDrive, iso: writeIsoDrive };

/**
 * Writes a FAT disk image without partitions. The same input gives the same bytes.
 * @throws BuildError if mtools is missing or fails; no file is left then
 */
export async function writeFatDrive(file: string, drive: ConfigDrive): Promise<void> {
  const { label, signal } = drive;
  await withSources(drive, (files) =>
    makeAtomically(
      file,
      (temporary) => makeFat(temporary, { label, files, serial: '51584346', epoch: EPOCH, signal }),
      { mode: OWNER_ONLY },
    ),
  );
}

/**
 * Writes an ISO. The same input gives the same bytes.
 * @throws BuildError if xorriso is missing or fails; no file is left then
 */
export async function writeIsoDrive(file: string, drive: ConfigDrive): Promise<void> {
  const { label, signal } = drive;
  const env = { SOURCE_DATE_EPOCH: String(EPOCH) };
  await withSources(drive, (files) =>
    makeAtomically(
      file,
      async (temporary) => {
        await run('xorriso', isoArguments(temporary, { label, files }), { env, signal });
      },
      { mode: OWNER_ONLY },
    ),
  );
}

/** Returns xorriso's arguments (xorrisofs(1)). */
function isoArguments(
  output: string,
  { label, files }: { label: string; files: Readonly<Record<string, string>> },
): string[] {
  const grafts = Object.entries(files).map(formatGraftPoint);
  return [
    ...['-as', 'mkisofs', '-quiet', '-o', output, '-V', label, '-full-iso9660-filenames'],
    ...['-joliet', '-rational-rock', '--set_all_file_dates', '1980010100000000'],
    ...['-graft-points', ...grafts.sort()],
  ];
}

/** Provides each text as a temporary file that only this user can read, because a text may contain a password. */
async function withSources(
  { files }: ConfigDrive,
  use: (files: Record<string, string>) => Promise<void>,
): Promise<void> {
  const folder = await makeScratchFolder('qx-build-config-drive-');
  try {
    const sources: Record<string, string> = {};
    for (const [index, [path, text]] of Object.entries(files).entries()) {
      sources[path] = join(folder, String(index));
      await writeFile(sources[path], text, { mode: OWNER_ONLY });
    }
    await use(sources);
  } finally {
    await rm(folder, { recursive: true });
  }
}
