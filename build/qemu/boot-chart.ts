import { drawBarChart } from '../drawing/bar-chart.ts';
import { drawTextBar } from '../drawing/text-chart.ts';
import { findMilestones, MILESTONES } from './milestones.ts';

/** A period of a boot: from one milestone to the next, or the start of a service. */
export interface Bar {
  kind: 'stage' | 'service';
  name: string;
  /** In seconds since the kernel started. */
  from: number;
  to: number;
  /** False for a service that was still starting when the log ended; `to` is then the end of the log. */
  ended: boolean;
}

/** Kernel parameter that makes service scripts log their start and end. */
export const CHART_PARAMETER = 'BOOT_CHART=yes';

/** Longest plausible boot in seconds; milestones with larger numbers are ignored. */
const FOREVER = 1e9;

/** A service script's line in the kernel's log: `[   31.250000] openrc: begin chronyd`. */
const EVENT = /\[ *(\d{1,9}\.\d{1,6})\] openrc: (begin|end) ([A-Za-z0-9][\w.+-]{0,63})\r?$/gm;

/**
 * Reads from a serial log how long each part of a boot took: stages in their order, then services in the order of their
 * start. Other lines are ignored, and so are inconsistent ones: an end without a beginning, a second beginning,
 * decreasing times.
 */
export function parseBootChart(log: string): Bar[] {
  const events = [...log.matchAll(EVENT)].map(([, seconds, what, name = '']) => ({
    ...{ at: Number(seconds), what, name },
  }));
  const stages = stagesOf(findMilestones(log));
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

/**
 * A stage lasts from the previous milestone to the one with its name. The stage after `network` begins at the same time
 * as the stage `network`, because the network starts in parallel with the services.
 */
function stagesOf(milestones: ReturnType<typeof findMilestones>): Bar[] {
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

/** Draws a chart as text: a line per bar, with its start, its length and its name. */
export function drawTextChart(bars: readonly Bar[]): string {
  const end = endOf(bars);
  const lines = bars.map((bar) => {
    const { name, from, to, ended } = bar;
    const mark = bar.kind === 'stage' ? '=' : '#';
    const drawn = `${drawTextBar(bar, { least: 0, most: end, mark })}${ended ? '' : '…'}`;
    const numbers = [from, to - from].map((seconds) => seconds.toFixed(2).padStart(8)).join('');
    return `${numbers}  ${name.padEnd(nameWidth(bars))}  ${drawn}`;
  });
  const head = `${'from'.padStart(8)}${'seconds'.padStart(8)}`;
  return `${[head, ...lines].join('\n')}\n`;
}

/** Draws a chart as SVG. */
export function drawSvgChart(bars: readonly Bar[], title: string): string {
  const drawn = bars.map(({ kind, name, from, to, ended }) => ({
    ...{ name, from, to, tone: kind === 'stage' ? ('first' as const) : ('second' as const) },
    note: `${(to - from).toFixed(2)} s${ended ? '' : ' …'}`,
  }));
  return drawBarChart(drawn, title);
}

function endOf(bars: readonly Bar[]): number {
  return Math.max(0.01, ...bars.map(({ to }) => to));
}

function nameWidth(bars: readonly Bar[]): number {
  return Math.max(0, ...bars.map(({ name }) => name.length));
}
