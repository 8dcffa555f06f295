/** Content of a file, from `start` on; each read ends in bytes or a `TransferFailure`. */
export interface Body {
  /** Position in the file of the first byte: what was asked for, or 0 if the server cannot start elsewhere. */
  readonly start: number;
  /** Whether the server has sent it compressed; `bytes` is the content as it is. */
  readonly encoded?: boolean;
  readonly bytes: AsyncIterable<Uint8Array>;
}

/** What is asked of an address. */
export interface BodyRequest {
  /** Position to start at, bytes. */
  readonly from: number;
  /** Bytes that the whole file must have, if anyone knows. */
  readonly size?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What is sent to a server, and how. */
export interface Sending {
  readonly method: 'GET' | 'HEAD' | 'PUT';
  readonly headers: Record<string, string>;
  /** Begins to read what is sent; called again if it has to be sent anew. */
  readonly body?: (() => AsyncIterable<Uint8Array>) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What may be expected of servers. */
export interface ServerManners {
  /** Redirects that are followed for one file. */
  readonly redirects: number;
  /** Content encodings that are understood, as `Accept-Encoding` names them (RFC 9110, section 12.5.3). */
  readonly encoding: 'identity' | 'zstd, identity';
}
