import { type Box, computeBoxWidth } from './kit/dialog.ts';
import { bold, type Line, line } from './kit/frame.ts';
import { getLetter, type Key } from './kit/keys.ts';
import { plain, wrap } from './kit/text.ts';
import type { Dialog, Next, State, Step, Work } from './state.ts';
import { open, stay } from './steps.ts';

/** Frames of the animation while something is being done, and the milliseconds of each. */
const SPINNER = ['|', '/', '-', '\\'];
const SPIN = 250;

/** True for the keys that leave a dialog or form. */
export function isEscape(key: Key): boolean {
  return key.name === 'escape' || key.name === 'interrupt';
}

/** Shows a message that the person must acknowledge. */
export function showMessage(state: State, title: string, text: string): Step {
  return open(state, {
    passing: true,
    moves: null,
    view: (_state, columns) => ({ ...paragraphs(title, text, columns), keys: 'Enter Go on' }),
    onKey: (now, key) =>
      isEscape(key) || key.name === 'enter' || getLetter(key) === ' ' ? open(now, null) : stay(now),
  });
}

/** Asks for confirmation before something is done. */
export function confirm(
  state: State,
  { title, text, next }: { title: string; text: string; next: Next },
): Step {
  return open(state, {
    passing: false,
    moves: null,
    view: (_state, columns) => ({ ...paragraphs(title, text, columns), keys: 'y Yes   n No' }),
    onKey: (now, key) => {
      if (isEscape(key) || getLetter(key) === 'n') return open(now, null);
      return getLetter(key) === 'y' ? next(now) : stay(now);
    },
  });
}

/** Runs work that takes a while, and shows a dialog meanwhile. */
export function runWork(state: State, what: Work): Step {
  return {
    state: { ...state, dialog: workingDialog(what, state.now) },
    effects: [{ type: 'work', work: what }],
  };
}

function workingDialog({ title }: Work, since: number): Dialog {
  return {
    passing: false,
    moves: SPIN,
    view: ({ now }, columns) => {
      const turn = SPINNER[Math.floor((now - since) / SPIN) % SPINNER.length] ?? '|';
      const lines = wrap(`${turn} ${plain(title)} ...`, computeBoxWidth(columns)).map(line);
      return { lines, cursor: null, keys: 'Esc Cancel' };
    },
    onKey: (now, key) =>
      isEscape(key) ? { state: now, effects: [{ type: 'cancel' }] } : stay(now),
  };
}

/** Formats a title with a text below it. */
function paragraphs(title: string, text: string, columns: number): Box {
  return {
    lines: [...formatHeading(title, columns), ...wrap(text, computeBoxWidth(columns)).map(line)],
    cursor: null,
  };
}

/** Formats the title of a box, with an empty line below it. */
export function formatHeading(title: string, columns: number): Line[] {
  return [...wrap(title, computeBoxWidth(columns)).map(bold), line('')];
}
