import { matchPaths } from '../tree/path-patterns.ts';
import type { Finding } from './finding.ts';

/**
 * Removes findings that the profile accepts. An entry of `allow` that matches no finding is reported as a finding.
 * @param allow pattern for `matchPaths` → reason
 */
export function dropAllowed(
  findings: readonly Finding[],
  allow: Readonly<Record<string, string>>,
): Finding[] {
  const patterns = Object.keys(allow).map((path) => ({
    path,
    matches: matchPaths([path]),
    used: false,
  }));
  const left = findings.filter((finding) => {
    const matching = patterns.filter(({ matches }) => matches(finding.path));
    for (const pattern of matching) pattern.used = true;
    return matching.length === 0;
  });
  const unused = patterns.filter(({ used }) => !used);
  const what = 'is in the list of accepted findings, but nothing is wrong with it';
  const fix = 'Remove it from the list.';
  return [
    ...left,
    ...unused.map(({ path }) => ({ rule: 'allow', path: path.slice(1), what, fix })),
  ];
}
