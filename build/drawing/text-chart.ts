import type { ChartBar } from './bar-chart.ts';
import { shorten } from './printable.ts';

/** Columns of a bar from one end of a chart to the other. */
const COLUMNS = 60;

/** Maximum number of characters of a name and of a note. */
const [LONGEST_NAME, LONGEST_NOTE] = [32, 46];

/** Ends of a chart, in the unit of its bars, and the character that bars are drawn with. */
export interface TextScale {
  least: number;
  most: number;
  mark: string;
}

/** Draws a bar at its place between the ends of a chart, at least one column wide. */
export function drawTextBar(
  { from, to }: Pick<ChartBar, 'from' | 'to'>,
  { least, most, mark }: TextScale,
): string {
  const column = (value: number) =>
    Math.round(((value - least) / Math.max(most - least, 0.01)) * COLUMNS);
  const first = column(from);
  return `${' '.repeat(first)}${mark.repeat(Math.max(1, column(to) - first))}`;
}

/**
 * Draws the bars of `drawBarChart` as text for a font in which all characters have the same width: for each bar, a line
 * with its name, the bar and its note. Quiet bars are drawn with `-`, others with `#`.
 */
export function drawTextChart(bars: readonly ChartBar[]): string {
  const least = Math.min(0, ...bars.map(({ from }) => from));
  const most = Math.max(0, ...bars.map(({ to }) => to));
  const names = bars.map(({ name }) => shorten(name, LONGEST_NAME));
  const width = Math.max(0, ...names.map((name) => [...name].length));
  return bars
    .map((bar, index) => {
      const drawn = drawTextBar(bar, { least, most, mark: bar.tone === 'quiet' ? '-' : '#' });
      const columns = [padded(names[index] ?? '', width), drawn.padEnd(COLUMNS + 1)];
      return `${[...columns, shorten(bar.note, LONGEST_NOTE)].join('  ').trimEnd()}\n`;
    })
    .join('');
}

/** Appends blanks up to a number of characters; a character beyond 16 bits counts as one. */
function padded(text: string, width: number): string {
  return text + ' '.repeat(width - [...text].length);
}
