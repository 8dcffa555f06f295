import type { Key } from './keys.ts';

/**
 * Returns by how many lines arrows, page keys, Home and End scroll; `undefined` for any other key.
 * @param page number of visible lines
 * @param last number of lines above the last page
 */
export function computeScrollStep(
  key: Key,
  { page, last }: { page: number; last: number },
): number | undefined {
  const steps: Partial<Record<Key['name'], number>> = {
    up: -1,
    down: 1,
    pageup: -page,
    pagedown: page,
    home: -last,
    end: last,
  };
  return steps[key.name];
}
