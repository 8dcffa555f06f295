import { type BlockDevice, readBlockDevices } from './block-devices.ts';
import { StorageError } from './error.ts';
import { LastAnswer } from './last-answer.ts';
import { type FileSystem, readFileSystem } from './superblock.ts';

/** Milliseconds for which a device is waited for. */
const PATIENCE = 5_000;

/** Which file system is wanted. */
export interface WantedDisk {
  uuid: string;
  /** Serial number of its disk, if that is to be it. */
  serial?: string | undefined;
  /** Whether the disk is reached by several paths: then none of them by itself is it. */
  multipath: boolean;
}

/** A file system, and where it is. */
export interface FoundDisk extends FileSystem {
  device: string;
}

/** Finds file systems by what is on the disks now. */
export class DiskFinder {
  readonly #devices: () => Promise<readonly BlockDevice[]>;
  readonly #answers = new Map<string, LastAnswer<FileSystem | null>>();

  /** @param devices tells which devices there are */
  constructor(devices: () => Promise<readonly BlockDevice[]> = readBlockDevices) {
    this.#devices = devices;
  }

  /**
   * Finds the one device that has a file system.
   * @throws StorageError if none has it, or several: whoever owns a disk can copy a UUID, so none of them is believed
   */
  async find({ uuid, serial, multipath }: WantedDisk, signal?: AbortSignal): Promise<FoundDisk> {
    const candidates = (await this.#devices()).filter(
      (device) =>
        device.isMultipath === multipath && (serial === undefined || device.serial === serial),
    );
    const silent: string[] = [];
    const found = await Promise.all(
      candidates.map(async ({ path }) => {
        const { value, seen } = await this.#look(path, signal);
        if (seen !== 'now') silent.push(path);
        return seen === 'now' && value?.uuid === uuid ? [{ ...value, device: path }] : [];
      }),
    );
    const [one, ...others] = found.flat();
    if (one !== undefined && others.length === 0) return one;
    const of = serial === undefined ? '' : ` of the serial number ${serial}`;
    const where = silent.length === 0 ? '' : `; ${silent.join(', ')} do not answer`;
    throw new StorageError({
      what:
        one === undefined
          ? `no disk${of} has the file system ${uuid}${where}`
          : `several disks have the file system ${uuid}: ${[one, ...others].map(({ device }) => device).join(', ')}`,
    });
  }

  #look(path: string, signal: AbortSignal | undefined) {
    const answer = this.#answers.get(path) ?? new LastAnswer<FileSystem | null>();
    this.#answers.set(path, answer);
    return answer.look(PATIENCE, (onSurvivor) => readFileSystem(path, { signal, onSurvivor }));
  }
}
