/**
 * Why an address did not give a file:
 * `gone` it does not have it, `refused` it will not give it, `altered` it gives something else,
 * `interrupted` it may give it when asked again.
 */
export type FailureKind = 'gone' | 'refused' | 'altered' | 'interrupted';

/** A failed try to get a file from one address. Becomes a `BuildError` when no address is left. */
export class TransferFailure extends Error {
  readonly kind: FailureKind;
  /** Milliseconds the server asks to wait before the next try. */
  readonly retryAfter: number | undefined;

  /** @param message a clause that can follow the file's name: `the server answered 403 Forbidden` */
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

/** An address for a message: without user name and password. */
export function shownUrl(url: string | URL): string {
  if (!URL.canParse(url)) return String(url);
  const shown = new URL(url);
  shown.username = '';
  shown.password = '';
  return shown.href;
}
