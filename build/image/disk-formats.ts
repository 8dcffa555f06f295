import { open } from 'node:fs/promises';
import { makeAtomically } from '../process/atomic-write.ts';
import { hashFile } from '../process/hash-file.ts';
import { appendStream, writeStream } from '../process/write-stream.ts';
import { convertTo, FORMATS } from './format.ts';
import { type VirtualMachine, writeOva } from './ova.ts';
import { zstdStream } from './raw-zst.ts';
import type { ReleaseFormatName } from './release-formats.ts';
import type { SparseDisk } from './sparse-disk.ts';
import { vmdkStream } from './vmdk.ts';

/** What the formats of a disk are made of, and where they go. */
export interface DiskFormatsRequest {
  disk: SparseDisk;
  /** Path of each format that is wanted. */
  paths: Readonly<Partial<Record<ReleaseFormatName, string>>>;
  /** What an import of the OVA makes. */
  machine: VirtualMachine;
  /** By what the disk's content is known, and no other one. */
  identity: string;
  /** Time stamp of files in archives, seconds since 1970. */
  epoch: number;
  signal?: AbortSignal | undefined;
}

/**
 * Writes a disk in several formats, each whole or not at all. The same request gives the same bytes.
 * @returns format → SHA-256, hex
 * @throws BuildError if the disk is full, or qemu-img is missing or reads back something else
 */
export async function writeDiskFormats(
  request: DiskFormatsRequest,
): Promise<Partial<Record<ReleaseFormatName, string>>> {
  const { disk, paths, signal } = request;
  const { 'raw.zst': raw, qcow2, vmdk, ova } = paths;
  const written: Partial<Record<ReleaseFormatName, string>> = {};
  if (raw !== undefined) {
    const { sha256 } = await makeAtomically(raw, (file) =>
      writeStream(file, zstdStream(disk, signal)),
    );
    written['raw.zst'] = sha256;
  }
  if (qcow2 !== undefined) {
    const converted = { content: disk.file, file: qcow2, signal };
    written.qcow2 = await convertTo(FORMATS.qcow2, converted);
  }
  if (ova !== undefined) {
    const both = await makeAtomically(ova, (file) =>
      vmdk === undefined
        ? writeWithin(file, request)
        : makeAtomically(vmdk, (beside) => writeWithin(file, request, beside)),
    );
    written.ova = both.ova;
    if (vmdk !== undefined) written.vmdk = both.vmdk;
  } else if (vmdk !== undefined) {
    const { sha256 } = await makeAtomically(vmdk, (file) => writeStream(file, streamOf(request)));
    written.vmdk = sha256;
  }
  return written;
}

function streamOf({ disk, identity, signal }: DiskFormatsRequest) {
  return vmdkStream(disk, { identity, signal });
}

/**
 * Writes an OVA, and its VMDK as a file of its own, too, in one go.
 * @param beside where the VMDK goes; nowhere if absent
 */
async function writeWithin(
  ova: string,
  request: DiskFormatsRequest,
  beside?: string,
): Promise<{ ova: string; vmdk: string }> {
  const { machine, epoch, signal } = request;
  let vmdk = '';
  {
    await using file = await open(ova, 'w');
    await using own = beside === undefined ? undefined : await open(beside, 'w');
    await writeOva(file, machine, {
      epoch,
      writeDisk: async () => {
        const files = own === undefined ? [file] : [file, own];
        const written = await appendStream(files, streamOf(request));
        vmdk = written.sha256;
        return written;
      },
    });
  }
  return { ova: (await hashFile(ova, [], signal)).whole, vmdk };
}
