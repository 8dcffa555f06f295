/** The parts of a message for a person: what went wrong, where, and what to do about it. */
export interface Explanation {
  /** One clause without a full stop. */
  what: string;
  /** File, address or key in which it went wrong. */
  where?: string | undefined;
  /** What the reader can do, as a sentence. */
  fix?: string | undefined;
  cause?: unknown;
}

/** An error that is not a bug: its message is for the operator, on one line. */
export class ExplainedError extends Error {
  constructor({ what, where, fix, cause }: Explanation) {
    const place = where === undefined ? '' : ` (${where})`;
    super(`${what}${place}.${fix === undefined ? '' : ` ${fix}`}`, { cause });
    this.name = new.target.name;
  }
}

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** A bug in words that help to find it. */
export function stackOf(error: unknown): string {
  return (error instanceof Error ? error.stack : undefined) ?? String(error);
}
