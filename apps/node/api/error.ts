import { ControlError } from '../../control/error.ts';
import { LibvirtError, type LibvirtFailure } from '../../libvirt/error.ts';
import { NetworkError } from '../../network/qx-network.ts';
import { CommandError } from '../../process/command-error.ts';

/** A request that is answered with an error. */
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

const LIBVIRT_STATUS: Readonly<Record<LibvirtFailure, number>> = {
  invalid: 400,
  'not-found': 404,
  refused: 409,
  unavailable: 503,
};

/** The answer to a request that came to this error; `undefined` if the error is a bug. */
export function apiErrorOf(error: unknown): ApiError | undefined {
  if (error instanceof ApiError) return error;
  if (error instanceof LibvirtError) {
    return new ApiError(LIBVIRT_STATUS[error.failure], error.message);
  }
  if (error instanceof ControlError) return new ApiError(502, error.message);
  if (error instanceof CommandError || error instanceof NetworkError) {
    return new ApiError(503, error.message);
  }
  return undefined;
}
