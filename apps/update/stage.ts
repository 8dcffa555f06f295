import { createHash } from 'node:crypto';
import type { BlockDevice } from '../../build/disk/block-device.ts';
import type { BootState } from '../../build/disk/boot-state.ts';
import { readBootState, writeBootState } from '../../build/disk/boot-state.ts';
import type { Slot } from '../../build/disk/layout.ts';
import { BlockWriter, readAhead, splitRegion } from '../../build/disk/overlap.ts';
import {
  clearTrailer,
  readTrailer,
  type SlotTrailer,
  writeTrailer,
} from '../../build/disk/slot-trailer.ts';
import type { Release } from '../../build/release/release.ts';
import { ExplainedError } from '../error.ts';
import type { Clock } from '../watch/clock.ts';
import { UpdateRefusal } from './accept.ts';
import { download } from './download.ts';
import { computeStoredHeadOffset, HEAD_BYTES, readNote, writeNote } from './progress-note.ts';
import type { Source } from './source.ts';

/** Bytes that are written or read at once. */
const PIECE = 1024 * 1024;
/** Bytes that are written between two flushes; a power failure can lose them. */
const FLUSH_EVERY = 64 * 1024 * 1024;
/** A download may exceed the image by a quarter and 16 MiB, for bytes that are received twice. */
const SPARE_SHARE = 4;
const SPARE = 16 * 1024 * 1024;

/** The partitions of an installed disk that an update writes. */
export interface Target {
  /** The EFI partition, with the boot state. */
  efi: BlockDevice;
  /** The slot that is not booted. */
  slot: BlockDevice;
}

/** A release with a verified signature that has been accepted for this machine. */
export interface Accepted {
  release: Release;
  /** Its `release.json` as it was signed. */
  envelope: string;
}

export interface Staging {
  target: Target;
  accepted: Accepted;
  source: Pick<Source, 'name' | 'openImage'>;
  /** Bytes that may be received; the image, a quarter of it and 16 MiB if absent. */
  budget?: number | undefined;
  clock: Clock;
  signal: AbortSignal;
  onProgress?: (done: number) => void;
  onFailure?: ((problem: string, wait: number) => void) | undefined;
  /** Bytes between two flushes; 64 MiB if absent. */
  flushEvery?: number;
  /** Bytes that are written at once; 1 MiB if absent. */
  pieceBytes?: number;
}

/** Whether the image was in the slot already, or was written. */
export type Staged = 'was there' | 'written';

/**
 * Stages a release in the slot that is not booted. Each step can be repeated: after any interruption, another call
 * continues from what was flushed. The slot is not bootable until the trailer is written, which is the last step.
 * @throws ExplainedError; the signal's reason
 */
export async function stage(staging: Staging): Promise<Staged> {
  const { target, accepted } = staging;
  const { image } = accepted.release;
  await removeTrial(target.efi);
  const before = await readTrailer(target.slot);
  if (before?.sha256 === image.sha256 && before.release === accepted.envelope) return 'was there';
  const from = await preparedFrom(target.slot, before, accepted.release);
  if (!(await isWritten(staging, from)) && (from === 0 || !(await isWritten(staging, 0)))) {
    throw new ExplainedError({
      what: 'what was read back from the disk is not the image that the release names',
      where: staging.source.name,
      fix: 'The server’s copy is damaged, or the disk is: `dmesg` shows errors of a disk.',
    });
  }
  await placeHead(target.slot);
  await writeTrailer(target.slot, makeTrailer(accepted));
  return 'written';
}

/** Makes the trailer of a slot for a release. */
export function makeTrailer({ release, envelope }: Accepted): SlotTrailer {
  const { product, version, base, architecture, buildId, image } = release;
  return {
    ...{ product, version, base, architecture, buildId },
    imageBytes: image.bytes,
    sha256: image.sha256,
    release: envelope,
  };
}

/**
 * Removes a trial from the boot state: the slot is no longer booted.
 * @throws ExplainedError, also if there is no boot state
 */
export async function removeTrial(efi: BlockDevice): Promise<void> {
  const state = await readBootState(efi);
  if (state === undefined) throw explainUnknownState();
  if (state.trial === null && state.left === 0) return;
  await writeBootState(efi, { good: state.good, trial: null, left: 0 });
}

/** Makes the error for a damaged boot state, which does not say which slot is good. */
export function explainUnknownState(): UpdateRefusal {
  return new UpdateRefusal({
    what: 'the boot state of this disk is damaged: the boot loader takes slot a then, or b if a has no image',
    fix: '`qx-update confirm` writes it anew, with the version that runs.',
  });
}

/** Returns the boot state in which a slot is tried for the allowed number of boots. */
export function makeTrialState(good: Slot, trial: Slot): BootState {
  return { good, trial, left: 3 };
}

/**
 * Marks a slot as having no image, and prepares it for the image of a release.
 * @param before the slot's trailer
 * @returns number of bytes of the release's image that are in the slot already; of these, the first `HEAD_BYTES` are
 *   stored before the note
 */
async function preparedFrom(
  slot: BlockDevice,
  before: SlotTrailer | undefined,
  { image }: Release,
): Promise<number> {
  const note = await readNote(slot);
  const noted = note?.sha256 === image.sha256 && note.done <= image.bytes ? note.done : 0;
  const isWhole = before?.sha256 === image.sha256;
  if (isWhole) {
    await slot.write(computeStoredHeadOffset(slot), await slot.read(0, HEAD_BYTES));
    await slot.flush();
  }
  const from = isWhole ? image.bytes : noted;
  await clearTrailer(slot);
  await slot.write(0, Buffer.alloc(HEAD_BYTES));
  // The note of an earlier image must be replaced before that image is overwritten.
  await writeNote(slot, { sha256: image.sha256, done: from });
  await slot.flush();
  return from;
}

/** Writes the head to its place, after which GRUB finds the image. */
async function placeHead(slot: BlockDevice): Promise<void> {
  const head = await slot.read(computeStoredHeadOffset(slot), HEAD_BYTES);
  await slot.write(0, head);
  await slot.flush();
  if (head.equals(await slot.read(0, HEAD_BYTES))) return;
  throw new ExplainedError({
    what: 'the slot reads back differently than it was written',
    fix: 'The disk is failing: replace it.',
  });
}

/** Writes the image from an offset on, and reads all of it back. @returns whether it has the right hash */
async function isWritten(staging: Staging, from: number): Promise<boolean> {
  const { slot } = staging.target;
  const { image } = staging.accepted.release;
  if (from < image.bytes) await write(staging, from);
  const right = (await hashOf(slot, image.bytes, staging.signal)) === image.sha256;
  if (!right) {
    await writeNote(slot, { sha256: image.sha256, done: 0 });
    await slot.flush();
  }
  return right;
}

async function write(staging: Staging, from: number): Promise<void> {
  const { target, accepted, source, clock, signal, onFailure } = staging;
  const { flushEvery = FLUSH_EVERY, pieceBytes = PIECE, onProgress } = staging;
  const { image } = accepted.release;
  const { slot } = target;
  // Writes must begin at a sector boundary.
  const start = from - (from % slot.sectorSize);
  const pieces = download({
    source: source.name,
    open: (part) => source.openImage(accepted.release, part),
    from: start,
    bytes: image.bytes,
    budget: staging.budget ?? image.bytes + Math.ceil(image.bytes / SPARE_SHARE) + SPARE,
    ...{ clock, signal, onFailure },
  });
  await using writer = new BlockWriter((at, block) => writeBlock(slot, at, block), {
    ...{ offset: start, blockBytes: pieceBytes, sectorSize: slot.sectorSize },
  });
  let flushed = start;
  for await (const piece of pieces) {
    await writer.put(piece);
    const done = writer.begun;
    onProgress?.(done);
    if (done - flushed < flushEvery) continue;
    await writer.settle();
    await slot.flush();
    await writeNote(slot, { sha256: image.sha256, done });
    flushed = done;
  }
  await writer.end();
  onProgress?.(image.bytes);
  await slot.flush();
  await writeNote(slot, { sha256: image.sha256, done: image.bytes });
  await slot.flush();
}

/** Writes a part of an image; bytes of the image's head are stored before the note. */
async function writeBlock(slot: BlockDevice, at: number, block: Buffer): Promise<void> {
  const head = block.subarray(0, Math.max(0, HEAD_BYTES - at));
  const rest = block.subarray(head.length);
  if (head.length > 0) await slot.write(computeStoredHeadOffset(slot) + at, head);
  if (rest.length > 0) await slot.write(at + head.length, rest);
}

/**
 * Returns the SHA-256 in hex of the image in a slot whose head is stored before the note. @throws ExplainedError; the
 * signal's reason
 */
async function hashOf(slot: BlockDevice, bytes: number, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  const head = await slot.read(computeStoredHeadOffset(slot), HEAD_BYTES);
  hash.update(head.subarray(0, bytes));
  const end = Math.ceil(bytes / slot.sectorSize) * slot.sectorSize;
  const places = splitRegion({ offset: HEAD_BYTES, bytes: end - HEAD_BYTES }, PIECE);
  const read = (offset: number, into: Buffer) => slot.read(offset, into.length, into);
  for await (const { offset, content } of readAhead(read, places, signal)) {
    hash.update(content.subarray(0, bytes - offset));
  }
  return hash.digest('hex');
}
