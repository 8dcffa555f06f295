/**
 * Makes of a way to look one that looks once at a time. Who asks while a look goes on gets the next one's result, which
 * began after he asked, together with all others who ask meanwhile: a hundred events cost two looks.
 */
export function oneAtATime<Result>(look: () => Promise<Result>): () => Promise<Result> {
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
