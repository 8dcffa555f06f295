/**
 * Matches tree paths against the patterns that profiles use in `drop` and `accept`.
 * @param patterns absolute paths; each includes everything below it, `*` stands for any characters except `/`
 * @returns a predicate on tree paths
 */
export function matchPaths(patterns: readonly string[]): (path: string) => boolean {
  if (patterns.length === 0) return () => false;
  const alternatives = patterns.map((pattern) =>
    pattern.slice(1).split('*').map(RegExp.escape).join('[^/]*'),
  );
  const matching = new RegExp(`^(?:${alternatives.join('|')})(?:/|$)`);
  return (path) => matching.test(path);
}
