import { mkdir } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { type ChartBar, drawBarChart } from '../build/drawing/bar-chart.ts';
import { drawTextChart } from '../build/drawing/text-chart.ts';
import { writeFileAtomically } from '../build/process/atomic-write.ts';
import type { Output } from './ui/events.ts';
import { formatSeconds } from './ui/format.ts';
import { describeOrigin, type StageTime } from './ui/stage.ts';

/** A chart as a picture and as text, and the data that both show. */
export interface Chart {
  title: string;
  svg: string;
  text: string;
  data: object;
}

/** Draws a bar chart. @param data the data that it shows, for programs */
export function drawBars(bars: readonly ChartBar[], title: string, data: object): Chart {
  return { title, svg: drawBarChart(bars, title), text: drawTextChart(bars), data };
}

/** Draws how the build of an image went: when each step began, and how long it took. */
export function buildChart(image: string, times: readonly StageTime[]): Chart {
  const steps = times.toSorted((a, b) => a.began - b.began);
  const bars = steps.map(({ step, began, seconds, ...source }) => ({
    ...{ name: step, from: began, to: began + seconds },
    tone: source.cached ? ('quiet' as const) : ('first' as const),
    note: [formatSeconds(seconds), describeOrigin(source)].filter((one) => one !== '').join(', '),
  }));
  const whole = Math.max(0, ...bars.map(({ to }) => to));
  const title = `Build of ${basename(image)}: ${formatSeconds(whole)}`;
  return drawBars(bars, title, { image: basename(image), steps });
}

/**
 * Writes `<path>.svg` and `<path>.json` into a folder, which is created if missing, and emits the chart as an event.
 * @returns the paths of both files
 */
export async function writeChart(
  path: string,
  { title, svg, text, data }: Chart,
  output: Output,
): Promise<string[]> {
  const files = { [`${path}.svg`]: svg, [`${path}.json`]: `${JSON.stringify(data, null, 2)}\n` };
  await mkdir(dirname(path), { recursive: true });
  for (const [file, content] of Object.entries(files)) await writeFileAtomically(file, content);
  output.emit({ event: 'chart', title, text });
  return Object.keys(files);
}
