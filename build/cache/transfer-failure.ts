/**
 * Why an address did not provide a file: `gone`: the address does not have the file; `refused`: it denies access;
 * `altered`: it provides something else; `interrupted`: a retry may succeed.
 */
export type FailureKind = 'gone' | 'refused' | 'altered' | 'interrupted';

/** A failed attempt to get a file from one address. Becomes a `BuildError` when no address is left. */
export class TransferFailure extends Error {
  readonly kind: FailureKind;
  /** Milliseconds that the server asks to wait before a retry. */
  readonly retryAfter: number | undefined;

  /** @param message a clause to follow the file's name: `the server answered 403 Forbidden` */
  constructor(
    kind: FailureKind,
    message: string,
    details: { retryAfter?: number | undefined; cause?: unknown } = {},
  ) {
    super(message, { cause: details.cause });
    this.name = 'TransferFailure';
    this.kind = kind;
    this.retryAfter = details.retryAfter;
  }
}

/** Returns an address for messages: without user name and password. */
export function hideCredentials(url: string | URL): string {
  if (!URL.canParse(url)) return String(url);
  const shown = new URL(url);
  shown.username = '';
  shown.password = '';
  return shown.href;
}
