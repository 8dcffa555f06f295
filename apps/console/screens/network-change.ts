import { confirmCommand, type Lasting, type NetworkCommand } from '../../network/change.ts';
import { requestChange } from '../change.ts';
import { formatHeading, isEscape, runWork, showMessage } from '../dialogs.ts';
import { computeBoxWidth } from '../kit/dialog.ts';
import { line } from '../kit/frame.ts';
import { getLetter } from '../kit/keys.ts';
import { wrap } from '../kit/text.ts';
import type { Dialog, State, Step } from '../state.ts';
import { open, stay } from '../steps.ts';

/** Facts that a change of the network affects. */
const FACTS = ['network', 'host', 'health'] as const;

/** Milliseconds that a confirmation may take. */
const CONFIRM_LIMIT = 60_000;

/** The remaining time in qx-network's output, which is replaced by the countdown here. */
const UNDONE = /: undone in \d+ s unless confirmed: /;

/** A change of the network to make. */
interface NetworkChange {
  title: string;
  /** Name of the interface. */
  name: string;
  command: NetworkCommand;
  /** How long it lasts; a change on trial has a countdown. */
  lasting: Lasting;
}

/** Makes a change of the network, and shows the result. */
export function makeChange(state: State, { title, name, command, lasting }: NetworkChange): Step {
  const { confirm = null } = lasting;
  return requestChange(state, {
    title,
    facts: FACTS,
    leads: 'menu',
    run: async (deps, signal) => {
      // The countdown begins before the change: it may end before the trial, but never after it.
      const begun = Date.now();
      const said = await deps.changeNetwork(command, signal);
      if (confirm === null) return said.join('. ');
      return (now) =>
        open(
          now,
          createTrialDialog({ name, said, seconds: confirm, until: begun + confirm * 1000 }),
        );
    },
  });
}

/** Confirms a change that is on trial, after asking for the password. */
export function requestConfirmation(state: State, name: string): Step {
  return requestChange(state, {
    title: `Confirming the change of ${name}`,
    facts: FACTS,
    leads: 'stay',
    run: async (deps, signal) =>
      (await deps.changeNetwork(confirmCommand(name), signal)).join('. '),
  });
}

interface Shown {
  name: string;
  /** Output of qx-network. */
  said: readonly string[];
  /** Length of the trial in seconds. */
  seconds: number;
  /** End of the trial in milliseconds since 1970. */
  until: number;
}

/** Creates the dialog that reports a change, and counts down the seconds until it is undone. */
export function createTrialDialog({ name, said, seconds, until }: Shown): Dialog {
  const secondsLeft = ({ now }: State) => Math.min(Math.ceil((until - now) / 1000), seconds);
  return {
    passing: true,
    moves: 1_000,
    view: (state, columns) => {
      const left = secondsLeft(state);
      const over = 'The time is over: the change was not confirmed, and is undone.';
      const text = left > 0 ? `Undone in ${left} s, unless you confirm it (c).` : over;
      const paragraphs = [...said.filter((one) => !UNDONE.test(one)), '', text];
      const lines = paragraphs.flatMap((one) => wrap(one, computeBoxWidth(columns))).map(line);
      return {
        lines: [...formatHeading('Done, on trial', columns), ...lines],
        cursor: null,
        keys: left > 0 ? 'c Confirm   Esc Decide later' : 'Enter Go on',
      };
    },
    onKey: (state, key) => {
      if (secondsLeft(state) > 0 && getLetter(key) === 'c') return confirmNow(state, name);
      const read = isEscape(key) || (key.name === 'enter' && secondsLeft(state) <= 0);
      return read ? open(state, null) : stay(state);
    },
  };
}

/** Confirms a change that this person has just made: the password is not asked for again. */
function confirmNow(state: State, name: string): Step {
  return runWork(state, {
    title: `Confirming the change of ${name}`,
    limit: CONFIRM_LIMIT,
    facts: FACTS,
    run: async (deps, signal) => {
      const said = await deps.changeNetwork(confirmCommand(name), signal);
      return (now) => showMessage(now, 'Done', said.join('. '));
    },
  });
}
