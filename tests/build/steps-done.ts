import type { Outcome } from './workshop.ts';

/** Steps that a build did, in the order of their names; those that came from the cache are left out. */
export function stepsDone({ stdout }: Outcome): string[] {
  return stdout
    .split('\n')
    .filter((line) => /"event":"done".*"cached":false/.test(line))
    .map((line) => /"step":"([^"]+)"/.exec(line)?.[1] ?? '')
    .sort();
}
