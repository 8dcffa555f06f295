import { request, withNotices } from '../change.ts';
import { textField } from '../kit/field.ts';
import { bold, line, type Size } from '../kit/frame.ts';
import { LIST_START, type List } from '../kit/list.ts';
import { sshText } from '../report/services.ts';
import type { Screen, State, Step } from '../state.ts';
import { enter, show } from '../steps.ts';
import { type Body, body } from './body.ts';
import { type Command, commandOf, viewCommands } from './command.ts';
import { formScreen } from './form.ts';

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
];

/** Whether SSH is on, and what can be done about it. */
export const SSH = sshScreen(LIST_START);

function sshScreen(list: List): Screen {
  return {
    facts: ['ssh'],
    takesText: false,
    view: (state, room) => viewSsh(state, list, room),
    onKey: (state, key) => {
      const chosen = commandOf(list, COMMANDS, key);
      return 'command' in chosen ? chosen.command.run(state) : show(state, sshScreen(chosen.list));
    },
  };
}

/** The form that says how long SSH is on. */
function minutesScreen(): Screen {
  return formScreen<'minutes'>(
    {
      title: 'SSH',
      purpose: ['SSH goes off by itself after this time, also when this console is left.'],
      fields: [
        textField<'minutes'>({
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
  return request(state, {
    title: 'Switching SSH on',
    facts: ['ssh'],
    leads: 'menu',
    run: async (deps, signal) => withNotices(done, await deps.enableSsh(minutes, signal)),
  });
}

function switchOff(state: State): Step {
  return request(state, {
    title: 'Switching SSH off',
    facts: ['ssh'],
    leads: 'menu',
    run: async (deps, signal) => withNotices('SSH is off.', await deps.disableSsh(signal)),
  });
}

function viewSsh(state: State, list: List, room: Size): Body {
  const { value, problem } = state.facts.ssh;
  const now = value === null ? (problem ?? '...') : sshText(value, state.now);
  return body('SSH', 'Enter or letter Do it   Esc Back', [
    bold(`SSH is ${now}`),
    line(''),
    ...viewCommands(list, COMMANDS, room),
    line(''),
    line('root logs in with a key of /quantix/ssh/authorized_keys, never with a password.'),
    line('The time counts on when this console is left.'),
  ]);
}
