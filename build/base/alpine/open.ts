import { ModuleUnpacker } from '../../kmod/unpack-modules.ts';
import { computeCodeDigest } from '../../step/code.ts';
import { openPackage, type PackageToOpen } from './package/open.ts';

/** See `ArchiveReader.readerVersion`. */
export function readerVersion(): string {
  return computeCodeDigest(import.meta.filename);
}

/**
 * Reads a package for use in an image: kernel modules are decompressed and renamed accordingly. See `openPackage`.
 * @throws BuildError if it is damaged, or not the expected package
 */
export async function openForImage(opening: PackageToOpen): Promise<void> {
  const unpacker = new ModuleUnpacker(opening.sink, opening.origin);
  await openPackage({ ...opening, sink: unpacker });
  await unpacker.done();
}
