import { ExplainedError } from './explained-error.ts';

export type { Explanation } from './explained-error.ts';

/**
 * An error of the builder that is not a bug: a user's mistake, a missing tool, an unreachable mirror, hostile input.
 * The command line prints the message of an ExplainedError as one line, without a stack trace, and exits with 1.
 * Every other error that reaches the command line is a bug and is printed with its stack trace.
 */
export class BuildError extends ExplainedError {}

/**
 * A value that must be there.
 * @param what it is, for people who read the bug's report: `file of package bash`
 * @throws Error if it is not: a bug of the builder, which must not become a wrong image
 */
export function must<T>(value: T | undefined, what: string): T {
  if (value !== undefined) return value;
  throw new Error(`there is no ${what}`);
}
