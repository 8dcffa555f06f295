import { z } from 'zod';
import { drawSvgChart, drawTextChart, parseBootChart } from '../../build/qemu/boot-chart.ts';
import { mutate } from './mutate.ts';
import type { Target } from './target.ts';

const LOG = Buffer.from(
  '[ 1.5] quantix: kernel 1.40\r\n[ 2.0] quantix: begin sysctl\r\n[ 2.5] quantix: end sysctl\r\n[ 9.0] quantix: ready 8.90\n',
);

const bars = z.array(z.object({ from: z.number().nonnegative(), to: z.number().nonnegative() }));

/** Output of a serial port: no bar has a negative length, and the drawings contain no markup from it. */
export const bootChart: Target = {
  name: 'boot chart',
  once(random) {
    const chart = parseBootChart(mutate(LOG, random).toString('utf8'));
    bars.parse(chart);
    if (chart.some(({ from, to }) => to < from)) throw new Error('a bar runs backwards');
    const drawn = drawTextChart(chart) + drawSvgChart(chart, 'fuzz');
    if (!/^[\n\x20-\x7e…]*$/.test(drawn) || drawn.includes('NaN')) throw new Error(drawn);
  },
};
