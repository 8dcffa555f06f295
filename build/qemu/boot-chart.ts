import { barChart } from '../drawing/bar-chart.ts';
import { MILESTONES, milestonesIn } from './milestones.ts';

/** A part of a boot: between two milestones, or the start of a service. */
export interface Bar {
  kind: 'stage' | 'service';
  name: string;
  /** Seconds since the kernel started. */
  from: number;
  to: number;
  /** False for a service that had not come up when the log ended: `to` is where that was. */
  ended: boolean;
}

/** The kernel's parameter with which services' scripts tell when they begin and end, where they are Debian's. */
export const CHART_PARAMETER = 'QX_BOOT_CHART=yes';

/** Seconds that no boot takes: such a number is a mistake. */
const FOREVER = 1e9;

/** What a service's script tells the kernel's log: `[   31.250000] quantix: begin chronyd`. */
const EVENT = /\[ *(\d{1,9}\.\d{1,6})\] quantix: (begin|end) ([A-Za-z0-9][\w.+-]{0,63})\r?$/gm;

/**
 * What took how long in a boot, by what it wrote to its serial port: stages in their order, then services as they began.
 * Other lines are passed over, and so is what cannot be: an end without a beginning, a second beginning, seconds that run
 * backwards.
 */
export function parseBootChart(log: string): Bar[] {
  const events = [...log.matchAll(EVENT)].map(([, seconds, what, name = '']) => ({
    ...{ at: Number(seconds), what, name },
  }));
  const stages = stagesOf(milestonesIn(log));
  const last = Math.max(0, ...stages.map(({ to }) => to), ...events.map(({ at }) => at));
  const services = new Map<string, Bar>();
  for (const { at, what, name } of events) {
    const bar = services.get(name);
    if (what === 'begin' && bar === undefined) {
      services.set(name, { kind: 'service', name, from: at, to: last, ended: false });
    } else if (what === 'end' && bar?.ended === false && at >= bar.from) {
      services.set(name, { ...bar, to: at, ended: true });
    }
  }
  return [...stages, ...[...services.values()].sort((a, b) => a.from - b.from)];
}

/** Each stage ends with its milestone, and begins with the one before; the network comes up beside the services. */
function stagesOf(milestones: ReturnType<typeof milestonesIn>): Bar[] {
  const bars: Bar[] = [];
  let from = 0;
  for (const name of MILESTONES) {
    const to = milestones.get(name);
    if (to === undefined || to < from || to >= FOREVER) continue;
    bars.push({ kind: 'stage', name, from, to, ended: true });
    if (name !== 'network') from = to;
  }
  return bars;
}

/** Columns of the longest bar in a chart of text. */
const COLUMNS = 60;

/** A chart as text: a line for each bar, with its beginning, its length and its name. */
export function textChart(bars: readonly Bar[]): string {
  const end = endOf(bars);
  const lines = bars.map((bar) => {
    const { name, from, to, ended } = bar;
    const first = Math.round((from / end) * COLUMNS);
    const width = Math.max(1, Math.round((to / end) * COLUMNS) - first);
    const mark = bar.kind === 'stage' ? '=' : '#';
    const drawn = `${' '.repeat(first)}${mark.repeat(width)}${ended ? '' : '…'}`;
    const numbers = [from, to - from].map((seconds) => seconds.toFixed(2).padStart(8)).join('');
    return `${numbers}  ${name.padEnd(nameWidth(bars))}  ${drawn}`;
  });
  const head = `${'from'.padStart(8)}${'seconds'.padStart(8)}`;
  return `${[head, ...lines].join('\n')}\n`;
}

/** A chart as SVG. */
export function svgChart(bars: readonly Bar[], title: string): string {
  const drawn = bars.map(({ kind, name, from, to, ended }) => ({
    ...{ name, from, to, tone: kind === 'stage' ? ('first' as const) : ('second' as const) },
    note: `${(to - from).toFixed(2)} s${ended ? '' : ' …'}`,
  }));
  return barChart(drawn, title);
}

function endOf(bars: readonly Bar[]): number {
  return Math.max(0.01, ...bars.map(({ to }) => to));
}

function nameWidth(bars: readonly Bar[]): number {
  return Math.max(0, ...bars.map(({ name }) => name.length));
}
