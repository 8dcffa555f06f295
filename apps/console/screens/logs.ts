import type { FactName } from '../facts.ts';
import { line, type Size } from '../kit/frame.ts';
import { getLetter, type Key } from '../kit/keys.ts';
import { computeScrollStep } from '../kit/scroll.ts';
import { fitColumn, plain } from '../kit/text.ts';
import type { Screen, State } from '../state.ts';
import { show } from '../steps.ts';
import { type Body, createBody } from './body.ts';
import { countBodyRows } from './room.ts';

const LOGS = [
  { source: 'systemLog', title: 'System log' },
  { source: 'kernelLog', title: 'Kernel log' },
  { source: 'kernelWarnings', title: 'Kernel warnings and errors' },
] as const satisfies readonly { source: FactName; title: string }[];

/** The shown log, and its first visible line; `end` follows the newest lines. */
interface Place {
  log: number;
  top: number | 'end';
}

/** Screen with the logs, each scrolled to its end. */
export const LOGS_SCREEN = logScreen({ log: 0, top: 'end' });

function logScreen(place: Place): Screen {
  const { source } = logOf(place);
  return {
    // A log that is scrolled up is not read again: its text must not change while somebody reads it.
    facts: place.top === 'end' ? [source] : [],
    takesText: false,
    view: (state, room) => viewLog(state, place, room),
    onKey: (state, key) => show(state, logScreen(afterKey(state, place, key))),
  };
}

function logOf({ log }: Place) {
  return LOGS[log] ?? LOGS[0];
}

function afterKey(state: State, place: Place, key: Key): Place {
  if (key.name === 'tab' || key.name === 'right') return neighbour(place, 1);
  if (key.name === 'backtab' || key.name === 'left') return neighbour(place, -1);
  return { ...place, top: scroll(state, place, key) };
}

function neighbour({ log }: Place, step: number): Place {
  return { log: (log + step + LOGS.length) % LOGS.length, top: 'end' };
}

/** Returns the first visible line after a key; `end` once the last page is reached. */
function scroll(state: State, place: Place, key: Key): number | 'end' {
  const page = countBodyRows(state.size);
  const lines = state.facts[logOf(place).source].value ?? [];
  const last = Math.max(lines.length - page, 0);
  const vi: Record<string, number> = { k: -1, j: 1 };
  const step = computeScrollStep(key, { page, last }) ?? vi[getLetter(key)];
  if (step === undefined) return place.top;
  const next = (place.top === 'end' ? last : place.top) + step;
  return next >= last ? 'end' : Math.max(next, 0);
}

function viewLog(state: State, place: Place, room: Size): Body {
  const { source, title } = logOf(place);
  const keys = 'Up/Down Scroll   End Newest   Left/Right Other log   Esc Back';
  const { value: lines, problem } = state.facts[source];
  if (lines === null)
    return createBody(title, keys, [line(problem ?? 'The log is being read ...')]);
  if (lines.length === 0) return createBody(title, keys, [line('Nothing was logged.')]);
  const last = Math.max(lines.length - room.rows, 0);
  const top = place.top === 'end' ? last : Math.min(place.top, last);
  const seen = lines.slice(top, top + room.rows);
  const where = `${title} (lines ${top + 1} to ${top + seen.length} of ${lines.length})`;
  return createBody(
    where,
    keys,
    seen.map((text) => line(fitColumn(plain(text), room.columns))),
  );
}
