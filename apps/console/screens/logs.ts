import type { LogSource } from '../deps.ts';
import { line, type Size } from '../kit/frame.ts';
import { type Key, letter } from '../kit/keys.ts';
import { scrollStep } from '../kit/scroll.ts';
import { column, plain } from '../kit/text.ts';
import type { ScreenOf, State } from '../state.ts';
import { type Step, show } from '../steps.ts';
import { type Body, body } from './body.ts';
import { bodyRows } from './room.ts';

const SOURCES: readonly { source: LogSource; title: string }[] = [
  { source: 'system', title: 'System log' },
  { source: 'kernel', title: 'Kernel log' },
  { source: 'warnings', title: 'Kernel warnings and errors' },
];

/** Opens a log at its end, and reads it. */
export function openLog(state: State, source: LogSource): Step {
  const screen = { name: 'logs', source, lines: null, problem: null, top: 'end' } as const;
  return { state: { ...state, screen }, effects: [{ type: 'read-log', source }] };
}

export function onLogsKey(state: State, screen: ScreenOf<'logs'>, key: Key): Step {
  if (key.name === 'tab' || key.name === 'right')
    return openLog(state, neighbour(screen.source, 1));
  if (key.name === 'backtab' || key.name === 'left') {
    return openLog(state, neighbour(screen.source, -1));
  }
  return show(state, { ...screen, top: scroll(state, screen, key) });
}

function neighbour(source: LogSource, step: number): LogSource {
  const index = SOURCES.findIndex((one) => one.source === source) + step + SOURCES.length;
  return SOURCES[index % SOURCES.length]?.source ?? source;
}

/** The first line that is seen after a key. At the end, the log is followed. */
function scroll(state: State, { lines, top }: ScreenOf<'logs'>, key: Key): number | 'end' {
  const page = bodyRows(state.size);
  const last = Math.max((lines?.length ?? 0) - page, 0);
  const vi: Record<string, number> = { k: -1, j: 1 };
  const step = scrollStep(key, { page, last }) ?? vi[letter(key)];
  if (step === undefined) return top;
  const next = (top === 'end' ? last : top) + step;
  return next >= last ? 'end' : Math.max(next, 0);
}

export function viewLogs(_state: State, screen: ScreenOf<'logs'>, room: Size): Body {
  const title = SOURCES.find(({ source }) => source === screen.source)?.title ?? 'Log';
  const keys = 'Up/Down Scroll   End Newest   Left/Right Other log   Esc Back';
  const { lines, problem } = screen;
  if (lines === null) return body(title, keys, [line(problem ?? 'The log is being read ...')]);
  if (lines.length === 0) return body(title, keys, [line('Nothing was logged.')]);
  const last = Math.max(lines.length - room.rows, 0);
  const top = screen.top === 'end' ? last : Math.min(screen.top, last);
  const seen = lines.slice(top, top + room.rows);
  const where = `${title} (lines ${top + 1} to ${top + seen.length} of ${lines.length})`;
  return body(
    where,
    keys,
    seen.map((text) => line(column(plain(text), room.columns))),
  );
}
