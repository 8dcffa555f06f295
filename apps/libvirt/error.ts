/**
 * Why an operation of libvirt failed: it cannot be reached, the input is invalid, there is no such machine, or libvirt
 * refuses (the machine already runs, the host has not enough memory, …).
 */
export type LibvirtFailure = 'unavailable' | 'invalid' | 'not-found' | 'refused';

/** A failure of libvirt. `message` is libvirt's own message for a person, in one line, without a full stop. */
export class LibvirtError extends Error {
  override readonly name = 'LibvirtError';
  readonly failure: LibvirtFailure;

  constructor(failure: LibvirtFailure, message: string, cause?: unknown) {
    super(message, { cause });
    this.failure = failure;
  }
}
