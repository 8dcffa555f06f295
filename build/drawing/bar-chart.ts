import { shorten } from './printable.ts';
import { drawSvgRectangle, drawSvgText, makeSvgDocument, type Tone } from './svg.ts';

/** A bar of a chart, in any unit. */
export interface ChartBar {
  name: string;
  from: number;
  /** At least `from`. */
  to: number;
  tone: Tone;
  /** Text after the bar. */
  note: string;
}

/** Sizes in pixels: height of a row, width of names, of the longest bar, and of notes. */
const [ROW, LEFT, WIDTH, RIGHT] = [18, 220, 760, 300];

/** Maximum number of characters of a name and of a note. */
const [LONGEST_NAME, LONGEST_NOTE] = [32, 46];

/** Draws bars below one another as SVG, on one scale that begins at 0 or below. */
export function drawBarChart(bars: readonly ChartBar[], title: string): string {
  const least = Math.min(0, ...bars.map(({ from }) => from));
  const most = Math.max(0, ...bars.map(({ to }) => to));
  const scale = WIDTH / Math.max(most - least, 0.01);
  const rows = bars.flatMap(({ name, from, to, tone, note }, index) => {
    const y = ROW * (index + 2);
    const x = LEFT + (from - least) * scale;
    const width = Math.max(1, (to - from) * scale);
    const bar = { x, y: y + 2, width, height: ROW - 4 };
    return [
      drawSvgText(shorten(name, LONGEST_NAME), { x: LEFT - 6, y: y + 13, anchor: 'end' }),
      drawSvgRectangle(bar, tone, `${name}: ${note}`),
      drawSvgText(shorten(note, LONGEST_NOTE), { x: x + width + 4, y: y + 13, look: 'faint' }),
    ];
  });
  const [width, height] = [LEFT + WIDTH + RIGHT, ROW * (bars.length + 3)];
  const head = drawSvgText(shorten(title, 130), { x: 12, y: ROW + 4, look: 'title' });
  return makeSvgDocument({ width, height, title }, [head, ...rows]);
}
