import { constants } from 'node:fs';
import { type FileHandle, open, readFile, stat } from 'node:fs/promises';
import { assertInside, type BlockDevice } from '../../build/disk/block-device.ts';
import { ExplainedError, messageOf } from '../error.ts';
import { getErrorCode } from '../process/code-of.ts';
import { DirectMemory } from './direct-memory.ts';

/** Bytes of the unit in which the kernel gives device sizes, independent of the device's sector size. */
const KERNEL_SECTOR = 512;

/** An open device. */
export interface OpenedBlockDevice extends BlockDevice, AsyncDisposable {
  readonly path: string;
  close(): Promise<void>;
}

/**
 * Opens a disk, a partition, or a regular file that is used as one. A device is opened for direct I/O, bypassing the
 * kernel's page cache, so that reads come from the medium. `flush` returns when all data is on the medium.
 * @param path of the device; links are followed
 * @param write opens it for writing, exclusively: it must not be in use, neither by a mount nor by LVM
 * @param fileSectorSize bytes of a sector, for a regular file; 512 if absent
 * @throws ExplainedError if it is neither a block device nor a file, is in use, or cannot be opened
 */
export async function openBlockDevice(
  path: string,
  { write = false, fileSectorSize = 512 }: { write?: boolean; fileSectorSize?: number } = {},
): Promise<OpenedBlockDevice> {
  const access = write ? constants.O_RDWR | constants.O_EXCL : constants.O_RDONLY;
  const handle = await openDirectly(path, access).catch((error: unknown) => {
    throw openingError(path, error);
  });
  try {
    const shape = await shapeOf(handle, path, fileSectorSize);
    return opened(handle, path, shape);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Opens a device for direct I/O. Opens a file without it, because the file system may not support it. */
async function openDirectly(path: string, access: number): Promise<FileHandle> {
  const isDevice = (await stat(path)).isBlockDevice();
  return await open(path, isDevice ? access | constants.O_DIRECT : access);
}

function openingError(path: string, cause: unknown): ExplainedError {
  const code = getErrorCode(cause);
  if (code === 'EBUSY') {
    return new ExplainedError({
      what: 'the device is in use: mounted, or part of LVM, RAID or swap',
      where: path,
      fix: 'Free it first.',
      cause,
    });
  }
  return new ExplainedError({ what: `the device cannot be opened: ${code}`, where: path, cause });
}

interface Shape {
  sectorSize: number;
  bytes: number;
}

async function shapeOf(handle: FileHandle, path: string, fileSectorSize: number): Promise<Shape> {
  const facts = await handle.stat();
  if (facts.isFile()) {
    const bytes = facts.size - (facts.size % fileSectorSize);
    return { sectorSize: fileSectorSize, bytes };
  }
  if (!facts.isBlockDevice()) {
    throw new ExplainedError({ what: 'this is neither a block device nor a file', where: path });
  }
  const folder = `/sys/dev/block/${deviceNumber(facts.rdev)}`;
  const bytes = (await numberIn(`${folder}/size`)) * KERNEL_SECTOR;
  // A partition has no queue folder of its own.
  const sectorSize = await numberIn(`${folder}/queue/logical_block_size`).catch(() =>
    numberIn(`${folder}/../queue/logical_block_size`),
  );
  return { sectorSize, bytes };
}

/** Returns major and minor number as sysfs writes them (makedev(3) of glibc and musl). */
function deviceNumber(rdev: number): string {
  const value = BigInt(rdev);
  const major = ((value >> 8n) & 0xfffn) | ((value >> 32n) & 0xffff_f000n);
  const minor = (value & 0xffn) | ((value >> 12n) & 0xffff_ff00n);
  return `${major}:${minor}`;
}

async function numberIn(file: string): Promise<number> {
  return Number((await readFile(file, 'utf8')).trim());
}

function opened(handle: FileHandle, path: string, shape: Shape): OpenedBlockDevice {
  const memory = new DirectMemory();
  const failed = (doing: string, cause: unknown) => {
    const what = `the disk gives errors: ${doing} failed with ${getErrorCode(cause) ?? messageOf(cause)}`;
    return new ExplainedError({ what, where: path, fix: 'Replace it.', cause });
  };
  const readPart = async (offset: number, part: Buffer) => {
    for (let done = 0; done < part.length; ) {
      const { bytesRead } = await handle
        .read(part, done, part.length - done, offset + done)
        .catch((cause: unknown) => {
          throw failed(`reading byte ${offset + done}`, cause);
        });
      if (bytesRead === 0) throw failed(`reading byte ${offset + done}`, new Error('end of file'));
      done += bytesRead;
    }
  };
  const writePart = async (offset: number, part: Buffer) => {
    for (let done = 0; done < part.length; ) {
      const { bytesWritten } = await handle
        .write(part, done, part.length - done, offset + done)
        .catch((cause: unknown) => {
          throw failed(`writing byte ${offset + done}`, cause);
        });
      done += bytesWritten;
    }
  };
  const close = () => handle.close();
  return {
    path,
    ...shape,
    async read(offset, length, into = Buffer.allocUnsafe(length)) {
      assertInside({ offset, length }, shape);
      const bytes = into.subarray(0, length);
      await memory.read(bytes, (at, part) => readPart(offset + at, part));
      return bytes;
    },
    async write(offset, data) {
      assertInside({ offset, length: data.length }, shape);
      const bytes = Buffer.from(data.buffer, data.byteOffset, data.length);
      await memory.write(bytes, (at, part) => writePart(offset + at, part));
    },
    async flush() {
      await handle.sync().catch((cause: unknown) => {
        throw failed('flushing', cause);
      });
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
