import { stripVTControlCharacters } from 'node:util';

/** Characters that every terminal draws as one cell; the consoles draw nothing else. */
const UNPRINTABLE = /[^ -~]/gu;

/**
 * Text from outside as one line of printable ASCII: control sequences are left out, blanks of any kind become spaces,
 * any other character becomes `?`. So a host name or an error message cannot move the cursor or break a line.
 */
export function plain(text: string): string {
  return stripVTControlCharacters(text).replace(/\s/g, ' ').replace(UNPRINTABLE, '?');
}

/** Text cut to a width in cells; a cut is shown by `~` at the end. */
export function cut(text: string, width: number): string {
  if (text.length <= width) return text;
  return width < 1 ? '' : `${text.slice(0, width - 1)}~`;
}

/** Text in exactly so many cells: cut, or filled with spaces. */
export function column(text: string, width: number): string {
  return cut(plain(text), width).padEnd(Math.max(width, 0));
}

/** Text in lines of at most `width` cells, broken at spaces where there are some. */
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
