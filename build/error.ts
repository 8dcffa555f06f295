/** The parts of a message for a person: what went wrong, where, and what to do about it. */
export interface Explanation {
  /** One clause without a full stop: `package "libvirtt" is unknown`. */
  what: string;
  /** File, key, address or package in which it went wrong. */
  where?: string | undefined;
  /** What the reader can do, as a sentence: `Check the spelling in profiles/qvdc.ts.` */
  fix?: string | undefined;
  /** The error underneath, shown with `--verbose`. */
  cause?: unknown;
}

/**
 * An error that is not a bug: a user's mistake, a missing tool, an unreachable mirror, hostile input.
 * The command line prints its message as one line, without a stack trace, and exits with 1.
 * Every other error that reaches the command line is a bug and is printed with its stack trace.
 */
export class BuildError extends Error {
  readonly what: string;
  readonly where: string | undefined;
  readonly fix: string | undefined;

  constructor({ what, where, fix, cause }: Explanation) {
    const place = where === undefined ? '' : ` (${where})`;
    super(`${what}${place}.${fix === undefined ? '' : ` ${fix}`}`, { cause });
    this.name = 'BuildError';
    this.what = what;
    this.where = where;
    this.fix = fix;
  }
}

/**
 * A value that must be there.
 * @param what it is, for people who read the bug's report: `file of package bash`
 * @throws Error if it is not: a bug of the builder, which must not become a wrong image
 */
export function must<T>(value: T | undefined, what: string): T {
  if (value !== undefined) return value;
  throw new Error(`there is no ${what}`);
}
