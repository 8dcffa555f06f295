import type { Outcome } from './workshop.ts';

/** Returns the steps that a build ran, sorted by name, without those from the cache. */
export function stepsDone({ stdout }: Outcome): string[] {
  return stdout
    .split('\n')
    .filter((line) => /"event":"done".*"cached":false/.test(line))
    .map((line) => /"step":"([^"]+)"/.exec(line)?.[1] ?? '')
    .sort();
}
