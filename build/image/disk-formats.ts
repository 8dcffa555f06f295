import { open } from 'node:fs/promises';
import { makeAtomically } from '../process/atomic-write.ts';
import { appendStream, writeStream } from '../process/write-stream.ts';
import { checkOva } from '../readback/ova.ts';
import { assertNone } from '../readback/verdict.ts';
import { convertTo, FORMATS } from './format.ts';
import { type VirtualMachine, writeOva } from './ova.ts';
import { compressDisk } from './raw-zst.ts';
import type { ReleaseFormatName } from './release-formats.ts';
import type { SparseDisk } from './sparse-disk.ts';
import { streamVmdk } from './vmdk.ts';

/** Input of `writeDiskFormats`. */
export interface DiskFormatsRequest {
  disk: SparseDisk;
  /** Output path of each requested format. */
  paths: Readonly<Partial<Record<ReleaseFormatName, string>>>;
  /** The virtual machine that importing the OVA creates. */
  machine: VirtualMachine;
  /** Text that identifies the disk's content; it is different for every content. */
  identity: string;
  /** Time stamp of files in archives, in seconds since 1970. */
  epoch: number;
  signal?: AbortSignal | undefined;
}

/**
 * Writes a disk in several formats; each file is complete or missing. The same request gives the same bytes.
 * @returns format → SHA-256, hex
 * @throws BuildError if the host's disk is full, qemu-img is missing or reads back different content,
 *   or an import of the OVA would fail
 */
export async function writeDiskFormats(
  request: DiskFormatsRequest,
): Promise<Partial<Record<ReleaseFormatName, string>>> {
  const { disk, paths, signal } = request;
  const { 'raw.zst': raw, qcow2, vmdk, ova } = paths;
  const written: Partial<Record<ReleaseFormatName, string>> = {};
  if (raw !== undefined) {
    const { sha256 } = await makeAtomically(raw, (file) =>
      writeStream(file, compressDisk(disk, signal)),
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
  return streamVmdk(disk, { identity, signal });
}

/**
 * Writes an OVA, and optionally its VMDK as a separate file, in one pass.
 * @param beside path of the separate VMDK; none if absent
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
  const { sha256, problems } = await checkOva(ova, signal);
  assertNone(problems, { what: 'the OVA', where: ova });
  return { ova: sha256, vmdk };
}
