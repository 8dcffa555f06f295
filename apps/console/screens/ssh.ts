import type { PublicKey } from '../../services/public-key.ts';
import { formatCount } from '../../text/amount.ts';
import { requestChange, withNotices } from '../change.ts';
import { createTextField } from '../kit/field.ts';
import { bold, type Line, line, type Size } from '../kit/frame.ts';
import { LIST_START, type List } from '../kit/list.ts';
import { fitColumn } from '../kit/text.ts';
import { describeSsh } from '../report/services.ts';
import type { Screen, State, Step } from '../state.ts';
import { enter, show } from '../steps.ts';
import { type Body, createBody } from './body.ts';
import { type Command, drawCommands, findCommand } from './command.ts';
import { createFormScreen } from './form.ts';
import { createKeysScreen } from './keys.ts';

const LEAST_MINUTES = 5;
const MOST_MINUTES = 120;
const USUAL_MINUTES = 30;

const COMMANDS: readonly Command[] = [
  {
    letter: 'e',
    text: `On for some time (${LEAST_MINUTES} to ${MOST_MINUTES} minutes)`,
    run: (state) => enter(state, minutesScreen()),
  },
  {
    letter: 'p',
    text: 'On until it is switched off, also after a restart',
    run: (state) => switchOn(state, null),
  },
  { letter: 'd', text: 'Off', run: switchOff },
  { letter: 'y', text: 'Keys that may log in', run: (state) => enter(state, createKeysScreen()) },
];

/** Screen with the state of SSH and its commands. */
export const SSH = sshScreen(LIST_START);

function sshScreen(list: List): Screen {
  return {
    facts: ['ssh', 'logInKeys', 'hostKeys'],
    takesText: false,
    view: (state, room) => viewSsh(state, list, room),
    onKey: (state, key) => {
      const chosen = findCommand(list, COMMANDS, key);
      return 'command' in chosen ? chosen.command.run(state) : show(state, sshScreen(chosen.list));
    },
  };
}

/** Creates the form for how long SSH is on. */
function minutesScreen(): Screen {
  return createFormScreen<'minutes'>(
    {
      title: 'SSH',
      purpose: ['SSH is switched off after this time, even if you leave this console.'],
      fields: [
        createTextField<'minutes'>({
          name: 'minutes',
          label: 'Minutes',
          hint: `${LEAST_MINUTES} to ${MOST_MINUTES}`,
          problem: ({ minutes }) =>
            /^\d{1,3}$/.test(minutes) &&
            Number(minutes) >= LEAST_MINUTES &&
            Number(minutes) <= MOST_MINUTES
              ? null
              : `A number from ${LEAST_MINUTES} to ${MOST_MINUTES}.`,
        }),
      ],
      send: (state, { minutes }) => switchOn(state, Number(minutes)),
    },
    { minutes: String(USUAL_MINUTES) },
  );
}

function switchOn(state: State, minutes: number | null): Step {
  const done =
    minutes === null ? 'SSH is on until it is switched off.' : `SSH is on for ${minutes} minutes.`;
  return requestChange(state, {
    title: 'Switching SSH on',
    facts: ['ssh'],
    leads: 'menu',
    run: async (deps, signal) => withNotices(done, await deps.enableSsh(minutes, signal)),
  });
}

function switchOff(state: State): Step {
  return requestChange(state, {
    title: 'Switching SSH off',
    facts: ['ssh'],
    leads: 'menu',
    run: async (deps, signal) => withNotices('SSH is off.', await deps.disableSsh(signal)),
  });
}

function viewSsh(state: State, list: List, room: Size): Body {
  const { value, problem } = state.facts.ssh;
  const now = value === null ? (problem ?? '...') : describeSsh(value, state.now);
  return createBody('SSH', 'Enter or letter Do it   Esc Back', [
    bold(`SSH is ${now}`),
    line(''),
    ...drawCommands(list, COMMANDS, room),
    line(''),
    line(loginText(state)),
    line('The time also runs when you leave this console.'),
    line(''),
    ...hostKeyLines(state),
  ]);
}

/** Describes who can log in. */
function loginText({ facts }: State): string {
  const { value, problem } = facts.logInKeys;
  const rule = 'root logs in with a key, never with a password';
  if (value === null) return problem === null ? `${rule}.` : `${rule}. Keys: ${problem}`;
  if (value.length === 0) return `${rule}, and there is no key yet (y).`;
  return `${rule}: ${formatCount(value.length, 'key')} may.`;
}

/** Lists the host's keys, to compare with those that a client shows at the first log-in. */
function hostKeyLines({ facts }: State): Line[] {
  const { value, problem } = facts.hostKeys;
  if (value === null) return problem === null ? [] : [line(`This host's keys: ${problem}`)];
  if (value.length === 0) return [line("This host's keys are made when SSH is on first.")];
  return [line("This host's keys, to be compared at the first log-in:"), ...value.map(hostKeyLine)];
}

function hostKeyLine({ type, fingerprint }: PublicKey): Line {
  return line(`  ${fitColumn(type, 8)} ${fingerprint}`);
}
