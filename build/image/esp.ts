import { type FatRequest, makeFat } from './fat.ts';

/** An EFI system partition; sizes stay below 32 MiB: El Torito's 16-bit sector count cannot express more. */
export type EspRequest = Omit<FatRequest, 'label'>;

/**
 * Makes a FAT image to be used as EFI system partition (UEFI 2.10, 13.3).
 * The same request gives the same bytes.
 * @param file where the image goes
 * @throws BuildError if mtools is missing or fails
 */
export async function makeEsp(file: string, request: EspRequest): Promise<void> {
  await makeFat(file, { label: 'QXESP', ...request });
}
