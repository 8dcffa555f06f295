import { createHash } from 'node:crypto';
import type { BlockDevice } from '../../build/disk/block-device.ts';
import type { BootFiles } from '../../build/disk/boot-files.ts';
import type { LaidPartition } from '../../build/disk/layout.ts';
import type { SlotTrailer } from '../../build/disk/slot-trailer.ts';
import { type InstallPhase, writeInstalledDisk } from '../../build/disk/write-installed-disk.ts';
import type { ConfigurationFiles } from './configuration.ts';
import { InstallError } from './error.ts';
import type { DiskFacts, MachineFacts } from './facts.ts';
import type { InstallPlan } from './plan.ts';
import { wipeDisk } from './wipe.ts';

/** A disk that is the installer's alone until it is given back. */
export type ClaimedDisk = BlockDevice & AsyncDisposable;

/** What an installation does to the machine, besides writing to its disk. */
export interface Machinery {
  /** What is known of the machine now. */
  readMachine(): Promise<MachineFacts>;
  /** Takes a device apart that is made of the disk, as `DiskFacts.holders` names it. */
  release(holder: string): Promise<void>;
  claim(path: string): Promise<ClaimedDisk>;
  /**
   * Compares the files on the medium with what they were made as.
   * @param onBytes gets how many bytes were read, and are to be read in all
   * @throws InstallError if one is damaged
   */
  checkMedium(onBytes: (done: number, total: number) => void): Promise<void>;
  /** The image's bytes from the first one; read twice. A piece may change when the next one is asked for. */
  readImage(): AsyncIterable<Buffer>;
  /** What an installed disk boots by. */
  readBootFiles(): Promise<BootFiles>;
  /** Makes an empty file system of a partition. */
  makeFileSystem(disk: DiskFacts, partition: LaidPartition): Promise<void>;
  /** Writes files into the file system of a partition, each whole or not at all. */
  putFiles(disk: DiskFacts, partition: LaidPartition, files: ConfigurationFiles): Promise<void>;
}

/** How far an installation is. */
export interface Progress {
  step: 'look' | 'check' | 'read' | 'wipe' | InstallPhase | 'finish';
  /** Bytes of the step that are done, and in all; both 0 where it has none to count. */
  done: number;
  total: number;
}

export interface InstallOptions {
  plan: InstallPlan;
  /** What goes to the end of the slot, but for the hash, which is that of what is read. */
  trailer: Omit<SlotTrailer, 'sha256'>;
  machinery: Machinery;
  /** The configuration that the installed system begins with. */
  files: ConfigurationFiles;
  /** Time stamp of the files that are written, seconds since 1970. */
  epoch: number;
  onProgress: (progress: Progress) => void;
  signal: AbortSignal;
}

/**
 * Installs as planned. The medium is read whole before anything is written: one that is damaged costs nothing.
 * @returns SHA-256 of the image, hex
 * @throws InstallError, ExplainedError; then the disk boots nothing, or was not touched
 */
export async function install(options: InstallOptions): Promise<string> {
  const { plan, machinery, onProgress, signal } = options;
  const { disk, layout, kind } = plan;
  const tell = (step: Progress['step'], done = 0, total = 0) => onProgress({ step, done, total });
  tell('look');
  await expectUnchanged(disk, machinery);
  await machinery.checkMedium((done, total) => tell('check', done, total));
  const boot = await machinery.readBootFiles();
  const sha256 = await hashImage(options, (done, total) => tell('read', done, total));
  for (const holder of plan.release) await machinery.release(holder);
  await using device = await machinery.claim(disk.path);
  expectSameSize(disk, device);
  signal.throwIfAborted();
  tell('wipe');
  if (kind === 'install')
    await wipeDisk(device, [...disk.partitions, ...layout.partitions], signal);
  await writeInstalledDisk(device, {
    layout,
    image: machinery.readImage(),
    trailer: { ...options.trailer, sha256 },
    boot,
    epoch: options.epoch,
    makeFileSystem: (partition) => makeFileSystem(options, partition),
    onProgress: ({ phase, done, total }) => tell(phase, done, total),
    signal,
  });
  tell('finish');
  return sha256;
}

async function makeFileSystem(
  { plan, machinery, files }: InstallOptions,
  partition: LaidPartition,
): Promise<void> {
  if (plan.kind === 'reinstall') return;
  await machinery.makeFileSystem(plan.disk, partition);
  if (partition.role === 'configuration') await machinery.putFiles(plan.disk, partition, files);
}

/** @throws InstallError if the medium ends early */
async function hashImage(
  { machinery, trailer: { imageBytes }, signal }: InstallOptions,
  onBytes: (done: number, total: number) => void,
): Promise<string> {
  const hash = createHash('sha256');
  let done = 0;
  for await (const piece of machinery.readImage()) {
    signal.throwIfAborted();
    hash.update(piece);
    done += piece.length;
    onBytes(done, imageBytes);
  }
  return hash.digest('hex');
}

/** @throws InstallError if the disk is not the one that was planned for, or holds something else now */
async function expectUnchanged(planned: DiskFacts, machinery: Machinery): Promise<void> {
  const { disks } = await machinery.readMachine();
  const now = disks.find(({ path }) => path === planned.path);
  if (now !== undefined && JSON.stringify(now) === JSON.stringify(planned)) return;
  const other = now?.serial ?? 'no disk';
  const what =
    now?.serial === planned.serial
      ? `${planned.path} is not as it was when this was planned`
      : `${planned.path} is another disk than when this was planned (${other})`;
  throw new InstallError({ what, fix: 'Nothing was written. Look at the disks again.' });
}

/** @throws InstallError if what was opened is no longer what was looked at */
function expectSameSize(disk: DiskFacts, device: BlockDevice): void {
  if (device.bytes === disk.bytes && device.sectorSize === disk.sectorSize) return;
  throw new InstallError({
    what: `${disk.path} has ${device.bytes} bytes in sectors of ${device.sectorSize} now`,
    fix: 'Nothing was written. Look at the disks again.',
  });
}
