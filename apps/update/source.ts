import type { Release } from '../../build/release/release.ts';

/** Where releases come from: a server or a folder. It is never believed: a release's signature and hash are checked. */
export interface Source {
  /** For messages: its address or path. */
  readonly name: string;
  /** The `release.json` as it is. @throws PassingFailure, ExplainedError */
  readRelease(signal: AbortSignal): Promise<string>;
  /** Gives a release's image from an offset on. @throws PassingFailure, ExplainedError */
  openImage(release: Release, part: Part): AsyncIterable<Uint8Array>;
}

/** What is wanted of an image. */
export interface Part {
  /** Bytes from its start that are there already. */
  offset: number;
  signal: AbortSignal;
  /** Gets the bytes that were received in vain, as they are there already. */
  onVain?: ((bytes: number) => void) | undefined;
}

/** Characters of a `release.json` that are read. */
export const LONGEST_RELEASE = 256 * 1024;
