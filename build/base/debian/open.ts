import type { PackageArchive } from '../../contract/base.ts';
import { ModuleUnpacker } from '../../kmod/unpack-modules.ts';
import { combineSignals, superviseGroup } from '../../process/child-group.ts';
import { explainToolError, groupOptions } from '../../process/run.ts';
import { logTool } from '../../process/tool-log.ts';
import { computeCodeDigest } from '../../step/code.ts';
import { readTar } from '../../tree/read-tar.ts';
import type { EntrySink } from '../../tree/sink.ts';

/** See `ArchiveReader.readerVersion`. */
export function readerVersion(): string {
  return computeCodeDigest(import.meta.filename);
}

/**
 * Reads a package; see `ArchiveReader.open`. `dpkg-deb` decompresses the archive, the `tar` library reads it, and
 * kernel modules are decompressed.
 */
export async function openDebianPackage(
  { locked, file }: PackageArchive,
  sink: EntrySink,
  signal?: AbortSignal,
): Promise<void> {
  const { execa } = await import('execa');
  const words = ['--fsys-tarfile', file];
  const started = execa('dpkg-deb', words, {
    ...groupOptions({ signal }),
    stdout: 'pipe',
    buffer: { stdout: false, stderr: true },
  });
  logTool(started, ['dpkg-deb', ...words]);
  const failed = new AbortController();
  const child = superviseGroup(started, combineSignals(signal, failed.signal));
  const where = `package ${locked.name} ${locked.version}`;
  const unpacker = new ModuleUnpacker(sink, where);
  const reading = readTar(child.stdout, unpacker, where).then(() => unpacker.done());
  reading.catch(() => failed.abort());
  const [read, ended] = await Promise.allSettled([reading, child]);
  if (read.status === 'rejected' && !(ended.status === 'rejected' && ended.reason.exitCode > 0)) {
    throw read.reason;
  }
  if (ended.status === 'rejected') throw explainToolError('dpkg-deb', ended.reason);
}
