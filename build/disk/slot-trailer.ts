/** Bytes at the end of a slot that its trailer has. */
export const TRAILER_BYTES = 1024 * 1024;

/** What stands at the end of a slot: which image is in it. A slot without a trailer has none. */
export interface SlotTrailer {
  /** Name of the product's profile: `quantix-os`. */
  product: string;
  /** Version of the image: `0.1.0`. */
  version: string;
  base: string;
  architecture: string;
  /** What the image's marker file is named by, hex. */
  buildId: string;
  /** Bytes of the image, from the slot's first byte. */
  imageBytes: number;
  /** SHA-256 of these bytes, hex. */
  sha256: string;
  /** The signed `release.json` that the image came with, as it was; absent if it came from a live medium without one. */
  release?: string | undefined;
}
