import type { Release } from '../../build/release/release.ts';

/** A source of releases: a server or a folder. It is not trusted: a release's signature and hash are checked. */
export interface Source {
  /** Its address or path, for messages. */
  readonly name: string;
  /** Reads the `release.json` unchanged. @throws TemporaryFailure, ExplainedError */
  readRelease(signal: AbortSignal): Promise<string>;
  /** Reads a release's image from an offset on. @throws TemporaryFailure, ExplainedError */
  openImage(release: Release, part: Part): AsyncIterable<Uint8Array>;
}

/** The requested part of an image. */
export interface Part {
  /** Bytes from its start that exist already. */
  offset: number;
  signal: AbortSignal;
  /** Receives the number of bytes that the source sent although they exist already. */
  onVain?: ((bytes: number) => void) | undefined;
}

/** Longest `release.json` that is read, in characters. */
export const LONGEST_RELEASE = 256 * 1024;
