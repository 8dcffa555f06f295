import { type Line, line, reverse } from './frame.ts';
import type { Key } from './keys.ts';
import { getLetter } from './keys.ts';
import { fitColumn } from './text.ts';

/** Position in a list. */
export interface List {
  selected: number;
}

/** A list with its first entry selected. */
export const LIST_START: List = { selected: 0 };

/**
 * Returns a list after a key: arrows or `j` and `k`, page keys, Home and End.
 * @param length present number of entries
 * @param page number of visible entries
 */
export function moveInList(list: List, key: Key, { length, page }: ListSize): List {
  return { selected: Math.max(Math.min(target(list, key, { length, page }), length - 1), 0) };
}

export interface ListSize {
  length: number;
  page: number;
}

function target({ selected }: List, key: Key, { length, page }: ListSize): number {
  if (key.name === 'up' || getLetter(key) === 'k') return selected - 1;
  if (key.name === 'down' || getLetter(key) === 'j') return selected + 1;
  if (key.name === 'pageup') return selected - page;
  if (key.name === 'pagedown') return selected + page;
  if (key.name === 'home') return 0;
  if (key.name === 'end') return length - 1;
  return selected;
}

/** Returns the selected entry, if there is one. */
export function getSelected<Entry>(list: List, entries: readonly Entry[]): Entry | undefined {
  return entries[Math.min(list.selected, entries.length - 1)];
}

/** Draws at most `rows` entries of a list, among them the selected one, which `>` marks. */
export function drawList(
  list: List,
  entries: readonly string[],
  { columns, rows }: { columns: number; rows: number },
): Line[] {
  const selected = Math.min(list.selected, entries.length - 1);
  const first = Math.max(Math.min(selected - Math.floor(rows / 2), entries.length - rows), 0);
  return entries.slice(first, first + rows).map((entry, index) => {
    const text = first + index === selected ? `> ${entry}` : `  ${entry}`;
    return first + index === selected ? reverse(fitColumn(text, columns)) : line(text);
  });
}
