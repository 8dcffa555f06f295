/**
 * Returns a function that runs `look`, at most once at a time. All calls during a run share the next run, so that the
 * result is never older than the call.
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
