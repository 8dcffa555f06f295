/** An error that is sent as the answer to a request. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** HTTP status (RFC 9110). */
  readonly status: number;
  /** What the caller can do, as a sentence. */
  readonly fix: string | undefined;
  readonly headers: Readonly<Record<string, string>>;

  /** @param what one clause for a person, without a full stop */
  constructor(
    status: number,
    what: string,
    { fix, headers = {} }: { fix?: string; headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(what);
    this.status = status;
    this.fix = fix;
    this.headers = headers;
  }
}
