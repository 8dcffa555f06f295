import { stat } from 'node:fs/promises';
import { BuildError } from '../error.ts';
import { type FatRequest, makeFat } from './fat.ts';

/**
 * Maximum number of bytes of the files: as many as El Torito's 16-bit count of 512-byte sectors allows, less 1 MiB for
 * the file system itself.
 */
const MOST_BYTES = 31 * 1024 * 1024 - 512;

/** An EFI system partition. */
export type EspRequest = Omit<FatRequest, 'label'>;

/**
 * Makes a FAT image for use as EFI system partition (UEFI 2.10, 13.3). The same request gives the same bytes.
 * @param file path of the image
 * @throws BuildError if mtools is missing or fails, or the files are too large for El Torito
 */
export async function makeEsp(file: string, request: EspRequest): Promise<void> {
  const sizes = await Promise.all(
    Object.values(request.files).map(async (source) => (await stat(source)).size),
  );
  const size = sizes.reduce((sum, one) => sum + one, 0);
  if (size > MOST_BYTES) {
    throw new BuildError({
      what: `the EFI system partition would need ${size} bytes for its files, and El Torito allows at most ${MOST_BYTES}`,
      where: file,
      fix: 'Leave modules out of GRUB.',
    });
  }
  await makeFat(file, { label: 'QXESP', ...request });
}
