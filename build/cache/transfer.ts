/** Content of a file from `start` on; each read returns bytes or throws a `TransferFailure`. */
export interface Body {
  /** Position of the first byte in the file: the requested one, or 0 if the server cannot start elsewhere. */
  readonly start: number;
  /** Whether the server sent it compressed; `bytes` is the decompressed content. */
  readonly encoded?: boolean;
  readonly bytes: AsyncIterable<Uint8Array>;
}

/** A request for a file. */
export interface BodyRequest {
  /** Position of the first byte. */
  readonly from: number;
  /** Expected size of the whole file in bytes, if known. */
  readonly size?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A request without content in the answer, or an upload. */
export interface Sending {
  readonly method: 'GET' | 'HEAD' | 'PUT';
  readonly headers: Record<string, string>;
  /** Opens the data to upload; called again for a retry. */
  readonly body?: (() => AsyncIterable<Uint8Array>) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Limits on what servers may do. */
export interface ServerLimits {
  /** Maximum number of redirects per file. */
  readonly redirects: number;
  /** Accepted content encodings, a value of `Accept-Encoding` (RFC 9110, section 12.5.3). */
  readonly encoding: 'identity' | 'zstd, identity';
}
