import { ExplainedError } from './explained-error.ts';

export type { Explanation } from './explained-error.ts';

/**
 * An error of the builder that is not a bug: a mistake of the user, a missing tool, an unreachable mirror, hostile
 * input.
 * The command line prints the message of an ExplainedError on one line, without a stack trace, and exits with 1. Every
 * other error is a bug and is printed with its stack trace.
 */
export class BuildError extends ExplainedError {}

/**
 * Returns a value that must exist.
 * @param what a name of the value for the bug report: `file of package bash`
 * @throws Error if it is undefined: that is a bug in the builder, and must not become a wrong image
 */
export function must<T>(value: T | undefined, what: string): T {
  if (value !== undefined) return value;
  throw new Error(`there is no ${what}`);
}
