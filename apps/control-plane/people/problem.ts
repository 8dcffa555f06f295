import { STATUS_CODES } from 'node:http';
import { ApiError } from '../../http/error.ts';
import { SilentDatabaseError } from '../database/patience.ts';
import { isUnavailable, type RefusalReason, RefusedChangeError } from '../database/refusal.ts';
import { ControlPlaneError } from '../error.ts';

/** Media type of an error. */
export const PROBLEM_TYPE = 'application/problem+json';

/** Headers of every answer: do not cache, do not frame, do not guess the content type. */
export const HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

/** An error in the form of RFC 9457; `detail` is for people, `fix` says what they can do. */
export interface Problem {
  readonly type: 'about:blank';
  /** The status in words. */
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly fix?: string | undefined;
}

/** Formats a problem as JSON text. */
export function formatProblem(status: number, detail: string, fix?: string): string {
  const title = STATUS_CODES[status] ?? 'Error';
  const problem: Problem = { type: 'about:blank', title, status, detail, fix };
  return `${JSON.stringify(problem)}\n`;
}

const STATUS_OF: Readonly<Record<RefusalReason, number>> = {
  exists: 409,
  'in-use': 409,
  missing: 400,
  invalid: 400,
};

/**
 * Converts an error into an answer for the caller.
 * @returns `undefined` if it is a bug of the program
 */
export function explain(error: unknown): ApiError | undefined {
  if (error instanceof ApiError) return error;
  if (error instanceof RefusedChangeError) {
    return new ApiError(STATUS_OF[error.reason], error.what);
  }
  if (error instanceof SilentDatabaseError) {
    const { what, fix = '' } = error;
    return new ApiError(503, what, { fix, headers: { 'retry-after': '5' } });
  }
  if (error instanceof ControlPlaneError)
    return new ApiError(409, error.what, error.fix === undefined ? {} : { fix: error.fix });
  if (isUnavailable(error)) {
    return new ApiError(503, 'the database does not answer', {
      fix: 'Try again in a moment; qx-controlplane doctor shows its state.',
      headers: { 'retry-after': '5' },
    });
  }
  if (!(error instanceof Error)) return undefined;
  return fromServer(error);
}

/** Converts an error with which fastify refuses a request, and its HTTP status; `undefined` for other errors. */
function fromServer(error: Error): ApiError | undefined {
  if (!('statusCode' in error) || typeof error.statusCode !== 'number') return undefined;
  const { statusCode } = error;
  if (statusCode < 400 || statusCode > 499) return undefined;
  return new ApiError(statusCode, error.message.replace(/\.$/, ''));
}
