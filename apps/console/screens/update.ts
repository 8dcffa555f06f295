import { requestChange } from '../change.ts';
import { confirm } from '../dialogs.ts';
import { line, type Size } from '../kit/frame.ts';
import { getLetter, type Key } from '../kit/keys.ts';
import { wrap } from '../kit/text.ts';
import { updateRows } from '../report/update.ts';
import type { Screen, State, Step } from '../state.ts';
import { enter, stay } from '../steps.ts';
import { type Body, createBody, explainMissing, formatRows } from './body.ts';
import { createSticksScreen } from './sticks.ts';

/** Width of the labels, in cells. */
const LABELS = 15;

/** Screen with the versions in the slots, and with commands to install, try and roll back a version. */
export const UPDATE: Screen = {
  facts: ['update'],
  takesText: false,
  view: viewUpdate,
  onKey: onUpdateKey,
};

const STICK = createSticksScreen({
  title: 'Update from a stick',
  above: (_state, columns) =>
    wrap(
      'A stick with release.json and its image, or with a copy of an update server’s files.',
      columns,
    ).map(line),
  enter: 'Copy it to this machine',
  choose: (state, { path }) => bring(state, ['--from', path]),
});

function onUpdateKey(state: State, key: Key): Step {
  const status = state.facts.update.value;
  if (status === null || status.state === 'live') return stay(state);
  const isGood = status.state === 'good';
  switch (getLetter(key)) {
    case 'c':
      return isGood ? call(state, 'Looking for a release', ['check']) : stay(state);
    case 'b':
      return isGood ? bring(state, []) : stay(state);
    case 'f':
      return isGood ? enter(state, STICK) : stay(state);
    case 'a':
      return isGood ? ask(state, 'Restart into the new version?', ['activate']) : stay(state);
    case 'k':
      return isGood ? stay(state) : call(state, 'Keeping the running version', ['confirm']);
    case 'r':
      return status.state === 'refused'
        ? stay(state)
        : ask(state, 'Go back to the version before?', ['rollback']);
    default:
      return stay(state);
  }
}

function bring(state: State, args: readonly string[]): Step {
  return call(state, 'Starting to copy it', ['stage', '--background', ...args]);
}

function ask(state: State, title: string, args: readonly string[]): Step {
  return confirm(state, {
    title,
    text: 'The machine restarts. The new version is tried, and rolled back by itself if it does not work.',
    next: (sure) => call(sure, 'Telling the boot loader', args),
  });
}

function call(state: State, title: string, args: readonly string[]): Step {
  return requestChange(state, {
    title,
    facts: ['update'],
    leads: 'stay',
    run: async (deps, signal) =>
      (await deps.run({ program: 'qx-update', args }, signal)).join(' ') || 'Done.',
  });
}

const KEYS = {
  live: 'Esc Back',
  good: 'c Check  b Bring  f From stick  a Activate  r Roll back  Esc Back',
  trial: 'k Keep it   r Roll back   Esc Back',
  refused: 'k Keep the running version   Esc Back',
} as const;

function viewUpdate({ facts }: State, { columns }: Size): Body {
  const { value, problem } = facts.update;
  if (value === null) {
    const text = explainMissing('The disk is being read', problem);
    return createBody('Update', 'Esc Back', wrap(text, columns).map(line));
  }
  return createBody('Update', KEYS[value.state], formatRows(updateRows(value), columns, LABELS));
}
