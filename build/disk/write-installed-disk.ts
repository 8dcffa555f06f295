import { createHash } from 'node:crypto';
import { ExplainedError } from '../explained-error.ts';
import { type BiosBoot, placeBiosBoot } from './bios-boot.ts';
import { type BlockDevice, sliceDevice } from './block-device.ts';
import { ENVIRONMENT_PATH, encodeBootState } from './boot-state.ts';
import { formatFat32 } from './fat32.ts';
import { BOOT_CODE_BYTES, encodeGpt, type Piece, readEntriesPlace } from './gpt.ts';
import { type DiskLayout, findPartition, type LaidPartition } from './layout.ts';
import { BlockWriter, readAhead, splitRegion } from './overlap.ts';
import { clearTrailer, type SlotTrailer, writeTrailer } from './slot-trailer.ts';

/** Bytes per write and per read. */
const CHUNK = 1024 * 1024;

/** Phase of an installation. */
export type InstallPhase = 'file-systems' | 'image' | 'table' | 'verify' | 'boot';

export interface InstallProgress {
  phase: InstallPhase;
  /** Bytes of the phase that are done, and in all; both 0 if the phase has no bytes to count. */
  done: number;
  total: number;
}

/** Input of `writeInstalledDisk`. */
export interface InstalledDiskRequest {
  layout: DiskLayout;
  /**
   * The image's bytes from the first one, in chunks of any size; they must match `trailer`. The caller may reuse a
   * chunk when the next one is requested.
   */
  image: AsyncIterable<Uint8Array>;
  /** Trailer of slot A. */
  trailer: SlotTrailer;
  boot: {
    /** Path on the EFI partition → content: the boot loader and its `grub.cfg`; 8.3 names. */
    efi: ReadonlyMap<string, Uint8Array>;
    /** For a layout with a BIOS partition. */
    bios?: BiosBoot | undefined;
  };
  /** Time stamp of the files on the EFI partition, in seconds since 1970. */
  epoch: number;
  /**
   * Called for the configuration and data partitions while the image is written, before the partition table. Creates
   * and fills their file systems, or keeps existing ones; when the promise resolves, they are on the disk. Thus the
   * partition table never refers to an unfinished file system.
   */
  makeFileSystem(partition: LaidPartition): Promise<void>;
  onProgress?: ((progress: InstallProgress) => void) | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * Writes an installed disk in an order in which an incomplete system never boots, even after a power cut: the boot code
 * is removed first and written last.
 * @throws ExplainedError if something cannot be written, reads back differently, or the image does not match the
 *   trailer; the disk does not boot then
 * @throws the reason of `signal` if it was aborted
 */
export async function writeInstalledDisk(
  device: BlockDevice,
  request: InstalledDiskRequest,
): Promise<void> {
  const { layout, trailer, signal } = request;
  const say = (phase: InstallPhase, done = 0, total = 0) =>
    request.onProgress?.({ phase, done, total });
  assertSameDisk(device, layout);
  const part = (role: Parameters<typeof findPartition>[1]) => {
    const { offset, bytes } = findPartition(layout, role);
    return sliceDevice(device, offset, bytes);
  };
  const boot = prepareBoot(request);
  await removeBoot(device, layout);
  await clearTrailer(part('a'));
  await clearTrailer(part('b'));
  const slot = part('a');
  say('file-systems');
  await together(signal, [
    (ending) => makeFileSystems(request, ending),
    (ending) =>
      writeImage(slot, { ...request, signal: ending }, (done) =>
        say('image', done, trailer.imageBytes),
      ),
  ]);
  await slot.flush();
  say('table');
  await writeGpt(device, layout);
  await verifyImage(slot, { trailer, signal }, (done) => say('verify', done, trailer.imageBytes));
  await writeTrailer(slot, trailer);
  signal?.throwIfAborted();
  say('boot');
  await writeBoot(device, layout, boot);
}

function assertSameDisk(device: BlockDevice, layout: DiskLayout): void {
  if (device.bytes === layout.bytes && device.sectorSize === layout.sectorSize) return;
  throw new ExplainedError({
    what: `the plan is for a disk of ${layout.bytes} bytes, and this one has ${device.bytes}`,
    fix: 'Plan again.',
  });
}

/** Makes a disk unbootable: first for BIOS, because its GRUB reads the EFI partition. */
async function removeBoot(device: BlockDevice, layout: DiskLayout): Promise<void> {
  const { sectorSize } = device;
  const mbr = Buffer.from(await device.read(0, sectorSize));
  mbr.fill(0, 0, BOOT_CODE_BYTES);
  await device.write(0, mbr);
  await device.flush();
  await device.write(findPartition(layout, 'efi').offset, Buffer.alloc(sectorSize));
  await device.flush();
}

/**
 * Writes the partition table of a layout unless it is already there. GRUB reads only the first copy. If this copy was
 * intact, it is the old one or the new one at any time; the backup is written before it. The MBR's boot code is kept.
 * @throws ExplainedError if it cannot be written
 */
export async function writeGpt(device: BlockDevice, layout: DiskLayout): Promise<void> {
  const old = await readEntriesPlace(device);
  const same = old !== undefined && (await reads(device, encodeGpt(layout, old).entries));
  const place = old === undefined || same ? (old ?? 'first') : old === 'first' ? 'second' : 'first';
  const { mbr, entries, header, backup } = encodeGpt(layout, place);
  for (const piece of [backup, entries, header]) {
    if (await reads(device, piece)) continue;
    await device.write(piece.offset, piece.bytes);
    await device.flush();
  }
  const sector = Buffer.from(await device.read(0, device.sectorSize));
  mbr.bytes.copy(sector, BOOT_CODE_BYTES, BOOT_CODE_BYTES);
  await device.write(0, sector);
  await device.flush();
}

async function reads(device: BlockDevice, { offset, bytes }: Piece): Promise<boolean> {
  return bytes.equals(await device.read(offset, bytes.length));
}

/**
 * Runs several tasks at the same time.
 * @param works get a signal that is aborted when another task has failed
 * @throws the first error, when all have ended
 */
async function together(
  signal: AbortSignal | undefined,
  works: readonly ((ending: AbortSignal) => Promise<void>)[],
): Promise<void> {
  const failed = new AbortController();
  const ending = AbortSignal.any([failed.signal, ...(signal === undefined ? [] : [signal])]);
  const settled = works.map((work) => work(ending).catch((error) => failed.abort(error)));
  await Promise.all(settled);
  failed.signal.throwIfAborted();
}

async function makeFileSystems(
  { layout, makeFileSystem }: Pick<InstalledDiskRequest, 'layout' | 'makeFileSystem'>,
  ending: AbortSignal,
): Promise<void> {
  for (const partition of layout.partitions) {
    if (partition.role !== 'configuration' && partition.role !== 'data') continue;
    ending.throwIfAborted();
    await makeFileSystem(partition);
  }
}

async function writeImage(
  slot: BlockDevice,
  { image, trailer, signal }: Pick<InstalledDiskRequest, 'image' | 'trailer' | 'signal'>,
  onBytes: (done: number) => void,
): Promise<void> {
  const hash = createHash('sha256');
  await using writer = new BlockWriter((offset, block) => slot.write(offset, block), {
    ...{ offset: 0, blockBytes: CHUNK, sectorSize: slot.sectorSize },
  });
  let taken = 0;
  for await (const piece of image) {
    signal?.throwIfAborted();
    taken += piece.length;
    if (taken > trailer.imageBytes) break;
    await writer.put(piece);
    hash.update(piece);
    onBytes(taken);
  }
  if (taken !== trailer.imageBytes || hash.digest('hex') !== trailer.sha256) {
    throw new ExplainedError({
      what: 'the image is not the one that was announced',
      fix: 'The medium or the transfer is damaged: check its SHA-256, and start again.',
    });
  }
  await writer.end();
}

/**
 * Reads a slot's image back from the medium.
 * @param onBytes receives the number of bytes that have been read so far
 * @throws ExplainedError if it does not match its trailer
 */
export async function verifyImage(
  slot: BlockDevice,
  { trailer, signal }: { trailer: SlotTrailer; signal?: AbortSignal | undefined },
  onBytes?: (done: number) => void,
): Promise<void> {
  const hash = createHash('sha256');
  const bytes = Math.ceil(trailer.imageBytes / slot.sectorSize) * slot.sectorSize;
  const read = (offset: number, into: Buffer) => slot.read(offset, into.length, into);
  const places = splitRegion({ offset: 0, bytes }, CHUNK);
  for await (const { offset, content } of readAhead(read, places, signal)) {
    const wanted = content.subarray(0, trailer.imageBytes - offset);
    hash.update(wanted);
    onBytes?.(offset + wanted.length);
  }
  if (hash.digest('hex') === trailer.sha256) return;
  throw new ExplainedError({
    what: 'the image reads back differently than it was written',
    fix: 'The disk is failing: replace it.',
  });
}

interface PreparedBoot {
  /** Pieces of the EFI partition's file system, the boot sector first. */
  efi: ReturnType<typeof formatFat32>;
  bios: ReturnType<typeof placeBiosBoot> | undefined;
}

function prepareBoot({ layout, boot, epoch }: InstalledDiskRequest): PreparedBoot {
  const { offset, bytes, name, guid } = findPartition(layout, 'efi');
  const state = encodeBootState({ good: 'a', trial: null, left: 0 });
  const efi = formatFat32({
    bytes,
    offset,
    sectorSize: layout.sectorSize,
    label: name,
    serial: Number.parseInt(guid.slice(0, 8), 16),
    files: new Map([...boot.efi, [ENVIRONMENT_PATH, state]]),
    epoch,
  });
  const partition = layout.partitions.find(({ role }) => role === 'bios');
  if (partition === undefined) return { efi, bios: undefined };
  if (boot.bios === undefined) {
    throw new ExplainedError({
      what: 'the disk has a BIOS partition, and there is no GRUB for it',
    });
  }
  return { efi, bios: placeBiosBoot(boot.bios, partition) };
}

/**
 * Makes the disk bootable. The EFI partition's boot sector, which makes it a file system, and the MBR's code, which a
 * BIOS boots, are written last.
 */
async function writeBoot(
  device: BlockDevice,
  layout: DiskLayout,
  { efi: [first, ...rest], bios }: PreparedBoot,
): Promise<void> {
  const efi = findPartition(layout, 'efi');
  for (const { offset, bytes } of rest) await device.write(efi.offset + offset, bytes);
  if (bios !== undefined) await device.write(findPartition(layout, 'bios').offset, bios.core);
  await device.flush();
  if (first !== undefined) await device.write(efi.offset, first.bytes);
  await device.flush();
  if (bios === undefined) return;
  const mbr = Buffer.from(await device.read(0, device.sectorSize));
  bios.code.copy(mbr);
  await device.write(0, mbr);
  await device.flush();
}
