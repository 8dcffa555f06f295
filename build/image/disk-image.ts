import { createReadStream } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import type { BlockDevice } from '../disk/block-device.ts';
import { type BootFiles, readBootFiles } from '../disk/boot-files.ts';
import { deriveGuids } from '../disk/derived-guid.ts';
import { computeGptSize } from '../disk/gpt.ts';
import type { DiskLayout } from '../disk/layout.ts';
import { planLayout } from '../disk/plan-layout.ts';
import type { SlotTrailer } from '../disk/slot-trailer.ts';
import { writeInstalledDisk } from '../disk/write-installed-disk.ts';
import { OF_DISK } from './boot-loader.ts';
import { type SparseDisk, WrittenGrains } from './sparse-disk.ts';

const MIB = 1024 * 1024;

/** Size of the data partition in bytes; the first boot extends it to the rest of the disk. */
const DATA_BYTES = 1024 * MIB;

/** Size in bytes for which a disk of unknown size is planned. */
const AMPLE_BYTES = 2 ** 50;

/** Input of `writeDiskImage`. */
export interface DiskImageRequest {
  /** Path of the ISO for slot A on the host. */
  iso: string;
  /** Fields of the slot's trailer besides the image size. */
  trailer: Omit<SlotTrailer, 'imageBytes'>;
  /** Prefix of partition names: `HELLO`. */
  labelPrefix: string;
  /** Output folder of `makeBootLoader`. */
  bootLoader: string;
  /** Time stamp of files on the EFI partition, in seconds since 1970. */
  epoch: number;
  /** Logical sector size of the target disks in bytes; 512 if absent. */
  sectorSize?: number | undefined;
  /** Size of each slot in bytes; derived from the ISO's size if absent. */
  slotBytes?: number | undefined;
  /** Size of the whole disk in bytes; the smallest possible if absent. */
  bytes?: number | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * Writes a sparse file with the contents of a disk on which the installer has installed the image. The partitions for
 * configuration and data are empty: the first boot makes their file systems, extends data to the rest of the disk, and
 * generates new identifiers. The same request gives the same bytes.
 * @param file path of the new file, which must not exist
 * @returns the disk, with the ranges that were written
 * @throws ExplainedError if something does not fit
 */
export async function writeDiskImage(file: string, request: DiskImageRequest): Promise<SparseDisk> {
  const { iso, trailer, epoch, signal } = request;
  const { size: imageBytes } = await stat(iso);
  const boot = await readBootFiles(request.bootLoader, OF_DISK);
  const layout = layOut(request, imageBytes, boot);
  await using handle = await open(file, 'wx+');
  await handle.truncate(layout.bytes);
  const written = new WrittenGrains();
  await writeInstalledDisk(fileDevice(handle, layout, written), {
    layout,
    image: createReadStream(iso, { highWaterMark: MIB }),
    trailer: { ...trailer, imageBytes },
    boot,
    epoch,
    makeFileSystem: async () => undefined,
    signal,
  });
  return { file, bytes: layout.bytes, grains: written.list() };
}

function layOut(
  { trailer, labelPrefix, sectorSize = 512, slotBytes, bytes }: DiskImageRequest,
  imageBytes: number,
  { bios }: BootFiles,
): DiskLayout {
  const layout = planLayout({
    ...{ bytes: bytes ?? AMPLE_BYTES, sectorSize, labelPrefix, imageBytes, slotBytes },
    ...{ data: DATA_BYTES, bios: bios !== undefined },
    newGuid: deriveGuids(`disk image ${trailer.buildId}`),
  });
  if (bytes !== undefined) return layout;
  const used = layout.partitions.map((partition) => partition.offset + partition.bytes);
  const whole = Math.max(...used) + computeGptSize(sectorSize).end;
  return { ...layout, bytes: Math.ceil(whole / MIB) * MIB };
}

/** Presents a regular file as a disk. It is not synced, like all build output. */
function fileDevice(
  handle: FileHandle,
  { sectorSize, bytes }: DiskLayout,
  written: WrittenGrains,
): BlockDevice {
  return {
    ...{ sectorSize, bytes },
    async read(offset, length) {
      const buffer = Buffer.alloc(length);
      for (let done = 0; done < length; ) {
        const { bytesRead } = await handle.read(buffer, done, length - done, offset + done);
        if (bytesRead === 0) throw new Error(`the file ends at byte ${offset + done}`);
        done += bytesRead;
      }
      return buffer;
    },
    async write(offset, data) {
      written.add(offset, data.length);
      for (let done = 0; done < data.length; ) {
        const { bytesWritten } = await handle.write(data, done, data.length - done, offset + done);
        done += bytesWritten;
      }
    },
    flush: async () => undefined,
  };
}
