import { createHash } from 'node:crypto';
import * as z from 'zod';
import type { BlockDevice } from '../../build/disk/block-device.ts';
import { TRAILER_BYTES } from '../../build/disk/slot-trailer.ts';

/** Bytes before a slot's trailer that record the progress of writing an image: one sector of any disk. */
const NOTE_BYTES = 4096;

/**
 * Bytes at the beginning of an image that are written to their place last, after all others have been read back:
 * without them GRUB finds no file system in a slot, so a partially written slot is not offered. Until then they are
 * stored before the note.
 */
export const HEAD_BYTES = 64 * 1024;

/** Bytes at the end of a slot that are not available to an image: the stored head, the note, and the trailer. */
export const RESERVED_BYTES = HEAD_BYTES + NOTE_BYTES + TRAILER_BYTES;

/** How much of an image has been written durably to a slot. */
export interface ProgressNote {
  /** SHA-256 of the whole image, in hex. */
  sha256: string;
  /** Bytes from its start that have been flushed. */
  done: number;
}

const MAGIC = 'QXPROG1\n';
const HASH_BYTES = 32;
const BODY_AT = MAGIC.length + HASH_BYTES;

const noteSchema = z.strictObject({
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  done: z.int().min(0),
});

/** Decodes the note; returns `null` if there is no intact one. */
export function decodeNote(bytes: Buffer): ProgressNote | null {
  if (bytes.length < NOTE_BYTES || bytes.toString('latin1', 0, MAGIC.length) !== MAGIC) return null;
  const body = bytes.subarray(BODY_AT, NOTE_BYTES);
  const hash = createHash('sha256').update(body).digest();
  if (!hash.equals(bytes.subarray(MAGIC.length, BODY_AT))) return null;
  const [text = ''] = body.toString('latin1').split('\0');
  try {
    return noteSchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

/**
 * Encodes a note: a magic number, the SHA-256 of the rest, and the rest: JSON padded with zeros. A note that is torn by
 * a power failure is invalid.
 */
export function encodeNote({ sha256, done }: ProgressNote): Buffer {
  const bytes = Buffer.alloc(NOTE_BYTES);
  bytes.write(MAGIC, 0, 'latin1');
  bytes.write(JSON.stringify({ sha256, done }), BODY_AT, 'latin1');
  const hash = createHash('sha256').update(bytes.subarray(BODY_AT)).digest();
  hash.copy(bytes, MAGIC.length);
  return bytes;
}

/** Reads the note of a slot. @throws ExplainedError if the slot cannot be read */
export async function readNote(slot: BlockDevice): Promise<ProgressNote | null> {
  return decodeNote(await slot.read(placeOf(slot), NOTE_BYTES));
}

/** Writes a note; it is valid after the next flush. @throws ExplainedError if the slot cannot be written */
export async function writeNote(slot: BlockDevice, note: ProgressNote): Promise<void> {
  await slot.write(placeOf(slot), encodeNote(note));
}

/** Returns the offset in bytes at which the head of an image is stored. */
export function computeStoredHeadOffset(slot: BlockDevice): number {
  return slot.bytes - RESERVED_BYTES;
}

function placeOf(slot: BlockDevice): number {
  return slot.bytes - TRAILER_BYTES - NOTE_BYTES;
}
