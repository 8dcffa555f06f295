/**
 * Tells which paths a profile's `drop` list keeps out of the image.
 * @param patterns absolute paths; each names itself and all below it, `*` stands for any characters but `/`
 * @returns a test of tree paths
 */
export function dropTest(patterns: readonly string[]): (path: string) => boolean {
  if (patterns.length === 0) return () => false;
  const alternatives = patterns.map((pattern) =>
    pattern.slice(1).split('*').map(RegExp.escape).join('[^/]*'),
  );
  const dropped = new RegExp(`^(?:${alternatives.join('|')})(?:/|$)`);
  return (path) => dropped.test(path);
}
