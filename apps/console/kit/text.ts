import { stripVTControlCharacters } from 'node:util';

/**
 * Characters other than printable ASCII. The consoles draw printable ASCII only, because every terminal draws each such
 * character in one cell.
 */
const UNPRINTABLE = /[^ -~]/gu;

/**
 * Converts untrusted text into one line of printable ASCII: control sequences are removed, whitespace becomes spaces,
 * any other character becomes `?`. A host name or an error message can therefore neither move the cursor nor break a
 * line.
 */
export function plain(text: string): string {
  return stripVTControlCharacters(text).replace(/\s/g, ' ').replace(UNPRINTABLE, '?');
}

/** Cuts text to a width in cells; a `~` at the end marks a cut. */
export function cut(text: string, width: number): string {
  if (text.length <= width) return text;
  return width < 1 ? '' : `${text.slice(0, width - 1)}~`;
}

/** Cuts or pads text to a number of cells. */
export function fitColumn(text: string, width: number): string {
  return cut(plain(text), width).padEnd(Math.max(width, 0));
}

/** Breaks text into lines of at most `width` cells, at spaces if there are any. */
export function wrap(text: string, width: number): string[] {
  const room = Math.max(width, 1);
  const lines: string[] = [];
  let line = '';
  for (const word of plain(text).split(' ')) {
    const joined = line === '' ? word : `${line} ${word}`;
    if (joined.length <= room) {
      line = joined;
      continue;
    }
    if (line !== '') lines.push(line);
    line = word;
    while (line.length > room) {
      lines.push(line.slice(0, room));
      line = line.slice(room);
    }
  }
  if (line !== '' || lines.length === 0) lines.push(line);
  return lines;
}
