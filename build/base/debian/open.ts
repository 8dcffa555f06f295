import { execa } from 'execa';
import type { PackageArchive } from '../../contract/base.ts';
import { anySignal, inGroup } from '../../process/child-group.ts';
import { groupOptions, toolError } from '../../process/run.ts';
import { codeDigest } from '../../step/code.ts';
import { readTar } from '../../tree/read-tar.ts';
import type { EntrySink } from '../../tree/sink.ts';

/** See `ArchiveReader.readerVersion`. */
export function readerVersion(): string {
  return codeDigest(import.meta.filename);
}

/** See `ArchiveReader.open`: `dpkg-deb` decompresses, `tar` reads, nothing is unpacked. */
export async function openDebianPackage(
  { locked, file }: PackageArchive,
  sink: EntrySink,
  signal?: AbortSignal,
): Promise<void> {
  const started = execa('dpkg-deb', ['--fsys-tarfile', file], {
    ...groupOptions({ signal }),
    stdout: 'pipe',
    buffer: { stdout: false, stderr: true },
  });
  const failed = new AbortController();
  const child = inGroup(started, anySignal(signal, failed.signal));
  const reading = readTar(child.stdout, sink, `package ${locked.name} ${locked.version}`);
  reading.catch(() => failed.abort());
  const [read, ended] = await Promise.allSettled([reading, child]);
  if (read.status === 'rejected' && !(ended.status === 'rejected' && ended.reason.exitCode > 0)) {
    throw read.reason;
  }
  if (ended.status === 'rejected') throw toolError('dpkg-deb', ended.reason);
}
