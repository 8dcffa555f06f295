import { type BlockDevice, readBlockDevices } from './block-devices.ts';
import { StorageError } from './error.ts';
import { LastAnswer } from './last-answer.ts';
import { type FileSystem, readFileSystem } from './superblock.ts';

/** Milliseconds that a device has to answer. */
const PATIENCE = 5_000;

/** The file system that is searched for. */
export interface WantedDisk {
  uuid: string;
  /** Serial number of its disk, if it matters. */
  serial?: string | undefined;
  /** Whether the disk has several paths: then only the multipath device is accepted. */
  multipath: boolean;
}

/** A file system, and its device. */
export interface FoundDisk extends FileSystem {
  device: string;
}

/** Finds file systems by the current contents of the disks. */
export class DiskFinder {
  readonly #devices: () => Promise<readonly BlockDevice[]>;
  readonly #answers = new Map<string, LastAnswer<FileSystem | null>>();

  /** @param devices lists the existing devices */
  constructor(devices: () => Promise<readonly BlockDevice[]> = readBlockDevices) {
    this.#devices = devices;
  }

  /**
   * Finds the one device that has a file system.
   * @throws StorageError if no device has it, or several do: the owner of a disk can copy a UUID, so none of them is
   *   trusted
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
