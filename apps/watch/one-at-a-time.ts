/**
 * Runs at most one call at a time. Callers that arrive during a run share the next run, which begins after their call:
 * a hundred events cost two runs.
 */
export function runOneAtATime<Result>(look: () => Promise<Result>): () => Promise<Result> {
  let last: Promise<unknown> = Promise.resolve();
  let next: Promise<Result> | undefined;
  const begin = () => {
    next = undefined;
    return look();
  };
  return () => {
    if (next !== undefined) return next;
    next = last.then(begin, begin);
    last = next;
    return next;
  };
}
