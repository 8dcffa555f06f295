export { ExplainedError, type Explanation } from '../build/explained-error.ts';

/** The message of whatever was thrown; never empty, which that of several failures at once is (a name with several addresses). */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.message !== '') return error.message;
  const all = error instanceof AggregateError ? error.errors.map(messageOf) : [];
  return all.length > 0 ? all.join('; ') : error.name;
}

/** A bug in words that help to find it. */
export function stackOf(error: unknown): string {
  return (error instanceof Error ? error.stack : undefined) ?? String(error);
}
