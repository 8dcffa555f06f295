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

/** A disk that is held exclusively until it is released. */
export type ClaimedDisk = BlockDevice & AsyncDisposable;

/** Operations of an installation on the machine, besides writing to its disk. */
export interface MachineOperations {
  /** Reads the present state of the machine. */
  readMachine(): Promise<MachineFacts>;
  /** Takes apart a device on top of the disk; `DiskFacts.holders` has its name. */
  release(holder: string): Promise<void>;
  claim(path: string): Promise<ClaimedDisk>;
  /**
   * Compares the files on the medium with their hashes.
   * @param onBytes receives the bytes read so far, and in all
   * @throws InstallError if one is damaged
   */
  checkMedium(onBytes: (done: number, total: number) => void): Promise<void>;
  /** Reads the image from its beginning; called twice. A piece is valid until the next one is requested. */
  readImage(): AsyncIterable<Buffer>;
  /** Reads the files that an installed disk boots with. */
  readBootFiles(): Promise<BootFiles>;
  /** Creates an empty file system on a partition. */
  makeFileSystem(disk: DiskFacts, partition: LaidPartition): Promise<void>;
  /** Writes files into the file system of a partition, each completely or not at all. */
  putFiles(disk: DiskFacts, partition: LaidPartition, files: ConfigurationFiles): Promise<void>;
}

/** The progress of an installation. */
export interface Progress {
  step: 'look' | 'check' | 'read' | 'wipe' | InstallPhase | 'finish';
  /** Bytes of the step that are done, and in all; both are 0 if the step does not count bytes. */
  done: number;
  total: number;
}

export interface InstallOptions {
  plan: InstallPlan;
  /** Trailer of the slot; its hash is computed from what is read. */
  trailer: Omit<SlotTrailer, 'sha256'>;
  operations: MachineOperations;
  /** The initial configuration of the installed system. */
  files: ConfigurationFiles;
  /** Time stamp of the written files, in seconds since 1970. */
  epoch: number;
  onProgress: (progress: Progress) => void;
  signal: AbortSignal;
}

/**
 * Installs according to a plan. The medium is read completely before anything is written, so that damage to it is found
 * before the disk is changed.
 * @returns SHA-256 of the image, in hex
 * @throws InstallError, ExplainedError; the disk is then unchanged or does not boot
 */
export async function install(options: InstallOptions): Promise<string> {
  const { plan, operations, onProgress, signal } = options;
  const { disk, layout, kind } = plan;
  const advance = (step: Progress['step'], done = 0, total = 0) =>
    onProgress({ step, done, total });
  advance('look');
  await expectUnchanged(disk, operations);
  await operations.checkMedium((done, total) => advance('check', done, total));
  const boot = await operations.readBootFiles();
  const sha256 = await hashImage(options, (done, total) => advance('read', done, total));
  for (const holder of plan.release) await operations.release(holder);
  await using device = await operations.claim(disk.path);
  // Reading the medium takes minutes: a disk that was plugged in meanwhile may have the path now. From here on, the
  // kernel keeps the path for the disk that is claimed.
  await expectUnchanged({ ...disk, holders: [] }, operations);
  expectSameSize(disk, device);
  signal.throwIfAborted();
  advance('wipe');
  if (kind === 'install')
    await wipeDisk(device, [...disk.partitions, ...layout.partitions], signal);
  await writeInstalledDisk(device, {
    layout,
    image: operations.readImage(),
    trailer: { ...options.trailer, sha256 },
    boot,
    epoch: options.epoch,
    makeFileSystem: (partition) => makeFileSystem(options, partition),
    onProgress: ({ phase, done, total }) => advance(phase, done, total),
    signal,
  });
  advance('finish');
  return sha256;
}

async function makeFileSystem(
  { plan, operations, files }: InstallOptions,
  partition: LaidPartition,
): Promise<void> {
  if (plan.kind === 'reinstall') return;
  await operations.makeFileSystem(plan.disk, partition);
  if (partition.role === 'configuration') await operations.putFiles(plan.disk, partition, files);
}

/** Reads the image and returns its hash. @throws InstallError if the medium ends early */
async function hashImage(
  { operations, trailer: { imageBytes }, signal }: InstallOptions,
  onBytes: (done: number, total: number) => void,
): Promise<string> {
  const hash = createHash('sha256');
  let done = 0;
  for await (const piece of operations.readImage()) {
    signal.throwIfAborted();
    hash.update(piece);
    done += piece.length;
    onBytes(done, imageBytes);
  }
  return hash.digest('hex');
}

/** @throws InstallError if the disk is not the planned one, or its content has changed */
async function expectUnchanged(planned: DiskFacts, operations: MachineOperations): Promise<void> {
  const { disks } = await operations.readMachine();
  const now = disks.find(({ path }) => path === planned.path);
  if (now !== undefined && JSON.stringify(now) === JSON.stringify(planned)) return;
  const other = now?.serial ?? 'no disk';
  const what =
    now?.serial === planned.serial
      ? `${planned.path} is not as it was when this was planned`
      : `${planned.path} is another disk than when this was planned (${other})`;
  throw new InstallError({ what, fix: 'Nothing was written. Look at the disks again.' });
}

/** @throws InstallError if the opened disk differs from the examined one */
function expectSameSize(disk: DiskFacts, device: BlockDevice): void {
  if (device.bytes === disk.bytes && device.sectorSize === disk.sectorSize) return;
  throw new InstallError({
    what: `${disk.path} has ${device.bytes} bytes in sectors of ${device.sectorSize} now`,
    fix: 'Nothing was written. Look at the disks again.',
  });
}
