import { execa } from 'execa';
import type { PackageArchive } from '../../contract/base.ts';
import { childOptions, toolError } from '../../process/run.ts';
import { readTar } from '../../tree/read-tar.ts';
import type { EntrySink } from '../../tree/sink.ts';

/** See `Base.open`: `dpkg-deb` decompresses, `tar` reads, nothing is unpacked. */
export async function openDebianPackage(
  { locked, file }: PackageArchive,
  sink: EntrySink,
  signal?: AbortSignal,
): Promise<void> {
  const child = execa('dpkg-deb', ['--fsys-tarfile', file], {
    ...childOptions({ signal }),
    stdout: 'pipe',
    buffer: { stdout: false, stderr: true },
  });
  const reading = readTar(child.stdout, sink, `package ${locked.name} ${locked.version}`);
  reading.catch(() => child.kill());
  const [read, ended] = await Promise.allSettled([reading, child]);
  if (read.status === 'rejected' && !(ended.status === 'rejected' && ended.reason.exitCode > 0)) {
    throw read.reason;
  }
  if (ended.status === 'rejected') throw toolError('dpkg-deb', ended.reason);
}
