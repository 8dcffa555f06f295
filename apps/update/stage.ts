import { createHash } from 'node:crypto';
import type { BlockDevice } from '../../build/disk/block-device.ts';
import type { BootState } from '../../build/disk/boot-state.ts';
import { readBootState, writeBootState } from '../../build/disk/boot-state.ts';
import type { Slot } from '../../build/disk/layout.ts';
import { BlockWriter, inPieces, readAhead } from '../../build/disk/overlap.ts';
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
import { HEAD_BYTES, readNote, waitingPlace, writeNote } from './progress-note.ts';
import type { Source } from './source.ts';

/** Bytes that are written or read at a time. */
const PIECE = 1024 * 1024;
/** Bytes from one flush to the next: what a power cut costs at most. */
const FLUSH_EVERY = 64 * 1024 * 1024;
/** A download may take as much more than the image, for what comes twice: a quarter, and 16 MiB. */
const SPARE_SHARE = 4;
const SPARE = 16 * 1024 * 1024;

/** The parts of an installed disk that an update writes. */
export interface Target {
  /** The EFI partition, with the boot state. */
  efi: BlockDevice;
  /** The slot that is not booted. */
  slot: BlockDevice;
}

/** A release whose signature was checked, and that is accepted. */
export interface Accepted {
  release: Release;
  /** Its `release.json` as it was signed. */
  envelope: string;
}

export interface Staging {
  target: Target;
  accepted: Accepted;
  source: Pick<Source, 'name' | 'openImage'>;
  /** Bytes that may be received; the image and a quarter if absent. */
  budget?: number | undefined;
  clock: Clock;
  signal: AbortSignal;
  onProgress?: (done: number) => void;
  onFailure?: ((problem: string, wait: number) => void) | undefined;
  /** Bytes from one flush to the next; 64 MiB if absent. */
  flushEvery?: number;
  /** Bytes that are written at a time; 1 MiB if absent. */
  pieceBytes?: number;
}

/** How an image came into its slot. */
export type Staged = 'was there' | 'written';

/**
 * Brings a release into the slot that is not booted. Each step can be done again: after an end by whatever, another call
 * goes on from what was flushed. Until the trailer is written, last, nothing boots this slot.
 * @throws ExplainedError; the signal's reason
 */
export async function stage(staging: Staging): Promise<Staged> {
  const { target, accepted } = staging;
  const { image } = accepted.release;
  await withoutTrial(target.efi);
  const before = await readTrailer(target.slot);
  if (before?.sha256 === image.sha256 && before.release === accepted.envelope) return 'was there';
  const from = await preparedFrom(target.slot, before, accepted.release);
  if (!(await isWritten(staging, from)) && (from === 0 || !(await isWritten(staging, 0)))) {
    throw new ExplainedError({
      what: 'what was read back from the disk is not the image that the release names',
      where: staging.source.name,
      fix: 'The server’s copy is damaged, or the disk is: `dmesg` tells of errors of a disk.',
    });
  }
  await placeHead(target.slot);
  await writeTrailer(target.slot, trailerOf(accepted));
  return 'written';
}

/** What a slot's trailer says of a release. */
export function trailerOf({ release, envelope }: Accepted): SlotTrailer {
  const { product, version, base, architecture, buildId, image } = release;
  return {
    ...{ product, version, base, architecture, buildId },
    imageBytes: image.bytes,
    sha256: image.sha256,
    release: envelope,
  };
}

/**
 * Takes a trial out of the boot state: the slot is not booted from now on.
 * @throws ExplainedError, if there is no boot state too
 */
export async function withoutTrial(efi: BlockDevice): Promise<void> {
  const state = await readBootState(efi);
  if (state === undefined) throw unknownState();
  if (state.trial === null && state.left === 0) return;
  await writeBootState(efi, { good: state.good, trial: null, left: 0 });
}

/** Nobody knows what the boot loader does next. */
export function unknownState(): UpdateRefusal {
  return new UpdateRefusal({
    what: 'the boot state of this disk is damaged: the boot loader takes slot a then, or b if a has no image',
    fix: '`qx-update confirm` writes it anew, with the version that runs.',
  });
}

/** The state in which a slot is tried for as many boots as there may be. */
export function trialOf(good: Slot, trial: Slot): BootState {
  return { good, trial, left: 3 };
}

/**
 * Makes a slot one without an image, whose content is that of a release as far as is returned.
 * @param before its trailer
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
    await slot.write(waitingPlace(slot), await slot.read(0, HEAD_BYTES));
    await slot.flush();
  }
  const from = isWhole ? image.bytes : noted;
  await clearTrailer(slot);
  await slot.write(0, Buffer.alloc(HEAD_BYTES));
  // The note of another image is gone before this one's first byte overwrites that.
  await writeNote(slot, { sha256: image.sha256, done: from });
  await slot.flush();
  return from;
}

/** Brings the head to its place: now GRUB finds the image. */
async function placeHead(slot: BlockDevice): Promise<void> {
  const head = await slot.read(waitingPlace(slot), HEAD_BYTES);
  await slot.write(0, head);
  await slot.flush();
  if (head.equals(await slot.read(0, HEAD_BYTES))) return;
  throw new ExplainedError({
    what: 'the slot reads otherwise than it was written',
    fix: 'The disk is failing: replace it.',
  });
}

/** Writes the image from an offset on, and reads all of it back. @returns whether it is the one */
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
  // A write begins where a sector does.
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

/** Writes a part of an image: what is of its head to where that waits. */
async function writeBlock(slot: BlockDevice, at: number, block: Buffer): Promise<void> {
  const head = block.subarray(0, Math.max(0, HEAD_BYTES - at));
  const rest = block.subarray(head.length);
  if (head.length > 0) await slot.write(waitingPlace(slot) + at, head);
  if (rest.length > 0) await slot.write(at + head.length, rest);
}

/** SHA-256 of the image in a slot whose head waits, hex. @throws ExplainedError; the signal's reason */
async function hashOf(slot: BlockDevice, bytes: number, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  const head = await slot.read(waitingPlace(slot), HEAD_BYTES);
  hash.update(head.subarray(0, bytes));
  const end = Math.ceil(bytes / slot.sectorSize) * slot.sectorSize;
  const places = inPieces({ offset: HEAD_BYTES, bytes: end - HEAD_BYTES }, PIECE);
  const read = (offset: number, into: Buffer) => slot.read(offset, into.length, into);
  for await (const { offset, content } of readAhead(read, places, signal)) {
    hash.update(content.subarray(0, bytes - offset));
  }
  return hash.digest('hex');
}
