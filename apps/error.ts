export { ExplainedError, type Explanation } from '../build/explained-error.ts';

/**
 * Returns the message of anything that was thrown. The result is never empty; Node's own message is empty if
 * connections to several addresses fail.
 */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.message !== '') return error.message;
  const all = error instanceof AggregateError ? error.errors.map(messageOf) : [];
  return all.length > 0 ? all.join('; ') : error.name;
}

/** Returns the stack of an error, for finding a bug; without a stack, the error as text. */
export function getStack(error: unknown): string {
  return (error instanceof Error ? error.stack : undefined) ?? String(error);
}
