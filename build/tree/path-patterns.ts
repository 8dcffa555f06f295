/**
 * Matches tree paths against the patterns that profiles write, in `drop` and `accept`.
 * @param patterns absolute paths; each names itself and all below it, `*` stands for any characters but `/`
 * @returns a test of tree paths
 */
export function matchPaths(patterns: readonly string[]): (path: string) => boolean {
  if (patterns.length === 0) return () => false;
  const alternatives = patterns.map((pattern) =>
    pattern.slice(1).split('*').map(RegExp.escape).join('[^/]*'),
  );
  const matching = new RegExp(`^(?:${alternatives.join('|')})(?:/|$)`);
  return (path) => matching.test(path);
}
