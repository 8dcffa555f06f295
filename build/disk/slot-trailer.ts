import { createHash } from 'node:crypto';
import { z } from 'zod';
import { ExplainedError } from '../explained-error.ts';
import type { BlockDevice } from './block-device.ts';

/** Bytes at the end of a slot that are reserved for its trailer. */
export const TRAILER_BYTES = 1024 * 1024;

/** Maximum number of bytes of a signed `release.json`. */
const MOST_RELEASE_BYTES = 512 * 1024;

const trailerSchema = z.strictObject({
  /** Name of the product's profile: `hello`. */
  product: z.string().min(1).max(64),
  /** Version of the image: `0.1.0`. */
  version: z.string().min(1).max(128),
  base: z.string().min(1).max(64),
  architecture: z.string().min(1).max(32),
  /** Build id in the name of the image's marker file, hex. */
  buildId: z.string().regex(/^[0-9a-f]{1,64}$/),
  /** Size of the image in bytes; it begins at the slot's first byte. */
  imageBytes: z.int().min(1),
  /** SHA-256 of the image, hex. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** The image's signed `release.json`, unchanged; absent if the image was installed from a live medium without one. */
  release: z.string().max(MOST_RELEASE_BYTES).optional(),
});

/** Data at the end of a slot that describe its image. A slot without a trailer has no image. */
export type SlotTrailer = z.infer<typeof trailerSchema>;

/** Fields of a trailer: a mark, the length of its text (u32, little-endian), the text's SHA-256, and the text. */
const [MARK, LENGTH_AT, SUM_AT, TEXT_AT] = ['QXSLOT1\n', 8, 16, 48];

/** Encodes a trailer in whole sectors, padded with zeros. @throws ExplainedError if it is too long */
export function encodeTrailer(trailer: SlotTrailer, sectorSize: number): Buffer {
  const text = Buffer.from(JSON.stringify(trailerSchema.parse(trailer)));
  const bytes = Buffer.alloc(Math.ceil((TEXT_AT + text.length) / sectorSize) * sectorSize);
  if (bytes.length > TRAILER_BYTES) {
    throw new ExplainedError({ what: `the slot's trailer would have ${bytes.length} bytes` });
  }
  bytes.write(MARK, 0, 'latin1');
  bytes.writeUInt32LE(text.length, LENGTH_AT);
  createHash('sha256').update(text).digest().copy(bytes, SUM_AT);
  text.copy(bytes, TEXT_AT);
  return bytes;
}

/** @returns undefined if the bytes are not a complete trailer */
export function decodeTrailer(bytes: Buffer): SlotTrailer | undefined {
  const length = trailerLength(bytes);
  if (length === undefined || TEXT_AT + length > bytes.length) return undefined;
  const text = bytes.subarray(TEXT_AT, TEXT_AT + length);
  const sum = createHash('sha256').update(text).digest();
  if (!sum.equals(bytes.subarray(SUM_AT, TEXT_AT))) return undefined;
  try {
    return trailerSchema.safeParse(JSON.parse(text.toString('utf8'))).data;
  } catch {
    return undefined;
  }
}

/** Returns the length of the text after the first fields; undefined if these are invalid. */
function trailerLength(head: Buffer): number | undefined {
  if (head.length < TEXT_AT || head.toString('latin1', 0, MARK.length) !== MARK) return undefined;
  const length = head.readUInt32LE(LENGTH_AT);
  return TEXT_AT + length > TRAILER_BYTES ? undefined : length;
}

/**
 * Reads which image a slot contains.
 * @returns undefined if it has none: its trailer is missing or incomplete
 * @throws ExplainedError if the slot cannot be read
 */
export async function readTrailer(slot: BlockDevice): Promise<SlotTrailer | undefined> {
  const { sectorSize } = slot;
  const at = trailerOffset(slot);
  const head = await slot.read(at, sectorSize);
  const length = trailerLength(head);
  if (length === undefined) return undefined;
  const bytes = Math.ceil((TEXT_AT + length) / sectorSize) * sectorSize;
  const trailer = decodeTrailer(bytes === sectorSize ? head : await slot.read(at, bytes));
  return trailer !== undefined && trailer.imageBytes <= at ? trailer : undefined;
}

/**
 * Writes a slot's trailer, after the slot's image is on the medium; returns when the trailer is on the medium and has
 * been read back.
 * @throws ExplainedError if it cannot be written, or is too long
 */
export async function writeTrailer(slot: BlockDevice, trailer: SlotTrailer): Promise<void> {
  const bytes = encodeTrailer(trailer, slot.sectorSize);
  const at = trailerOffset(slot);
  if (trailer.imageBytes > at) {
    throw new ExplainedError({
      what: `an image of ${trailer.imageBytes} bytes does not fit into a slot for ${at}`,
    });
  }
  await slot.write(at, bytes);
  await slot.flush();
  await assertReads(slot, at, bytes);
}

/**
 * Removes a slot's trailer, before another image is written to the slot; returns when the removal is on the medium.
 * @throws ExplainedError if it cannot be written
 */
export async function clearTrailer(slot: BlockDevice): Promise<void> {
  const at = trailerOffset(slot);
  const nothing = Buffer.alloc(slot.sectorSize);
  await slot.write(at, nothing);
  await slot.flush();
  await assertReads(slot, at, nothing);
}

function trailerOffset(slot: BlockDevice): number {
  return slot.bytes - TRAILER_BYTES;
}

async function assertReads(slot: BlockDevice, at: number, bytes: Buffer): Promise<void> {
  if (bytes.equals(await slot.read(at, bytes.length))) return;
  throw new ExplainedError({
    what: "the slot's trailer reads back differently than it was written",
    fix: 'The disk is failing: replace it.',
  });
}
