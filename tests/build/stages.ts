import type { Outcome } from './workshop.ts';

/** Returns the steps that a build ran, sorted by name, without those from the cache. */
export function stepsDone({ stdout }: Outcome): string[] {
  return stdout
    .split('\n')
    .filter((line) => /"event":"done".*"cached":false/.test(line))
    .map((line) => /"step":"([^"]+)"/.exec(line)?.[1] ?? '')
    .sort();
}

/** Returns how many stages of a build ran at the same time at most, according to the events of `--json`. */
export function mostAtOnce({ stdout }: Outcome): number {
  let [running, most] = [0, 0];
  for (const [, event] of stdout.matchAll(/"event":"(start|done)"/g)) {
    running += event === 'start' ? 1 : -1;
    most = Math.max(most, running);
  }
  return most;
}
