/** First and longest pause, in milliseconds. */
const FIRST = 1000;
const MOST = 60_000;

/**
 * Returns how long to wait after failures in a row: 1 s, 2 s, 4 s and so on up to 60 s, reduced at random by up to
 * half, so that many hosts do not return at the same time.
 * @param failures from 1
 * @param random 0 to 1
 * @returns milliseconds
 */
export function computeBackOff(failures: number, random: number): number {
  const longest = Math.min(MOST, FIRST * 2 ** Math.min(failures - 1, 16));
  return longest * (1 - random / 2);
}
