import { ModuleUnpacker } from '../../kmod/unpack-modules.ts';
import { codeDigest } from '../../step/code.ts';
import { openPackage, type PackageToOpen } from './package/open.ts';

/** See `ArchiveReader.readerVersion`. */
export function readerVersion(): string {
  return codeDigest(import.meta.filename);
}

/**
 * Reads a package as an image has it: kernel modules are decompressed, and named so. See `openPackage`.
 * @throws BuildError if it is damaged, or not the package that it has to be
 */
export async function openForImage(opening: PackageToOpen): Promise<void> {
  const unpacker = new ModuleUnpacker(opening.sink, opening.origin);
  await openPackage({ ...opening, sink: unpacker });
  await unpacker.done();
}
