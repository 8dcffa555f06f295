import { request } from '../authorization.ts';
import { textField } from '../kit/field.ts';
import { fill, openForm } from '../kit/form.ts';
import { viewForm } from '../kit/form-view.ts';
import { bold, line, type Size } from '../kit/frame.ts';
import { type Key, letter } from '../kit/keys.ts';
import { moveInList, viewList } from '../kit/list.ts';
import { sshText } from '../report/services.ts';
import type { MinutesName, ScreenOf, State } from '../state.ts';
import { type Step, show } from '../steps.ts';
import { SSH } from './back.ts';
import { type Body, body, withForm } from './body.ts';

const LEAST_MINUTES = 5;
const MOST_MINUTES = 120;
const USUAL_MINUTES = 30;

/** What can be done, and the letter that does it. */
const COMMANDS = [
  { command: 'e', text: `e  On for some time (${LEAST_MINUTES} to ${MOST_MINUTES} minutes)` },
  { command: 'p', text: 'p  On until it is switched off, also after a restart' },
  { command: 'd', text: 'd  Off' },
] as const;

/** The field that says how long SSH is on. */
export const MINUTES_FIELDS = [
  textField<MinutesName>({
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
] as const;

export function onSshKey(state: State, screen: ScreenOf<'ssh'>, key: Key): Step {
  const chosen = COMMANDS[screen.list.selected]?.command;
  switch (key.name === 'enter' ? chosen : letter(key)) {
    case 'e': {
      const minutes = { minutes: String(USUAL_MINUTES) };
      return show(state, { name: 'ssh-minutes', form: openForm(MINUTES_FIELDS, minutes) });
    }
    case 'p':
      return request(state, { type: 'enable-ssh', minutes: null });
    case 'd':
      return request(state, { type: 'disable-ssh' });
    default: {
      const size = { length: COMMANDS.length, page: COMMANDS.length };
      return show(state, { ...screen, list: moveInList(screen.list, key, size) });
    }
  }
}

export function onMinutesKey(state: State, screen: ScreenOf<'ssh-minutes'>, key: Key): Step {
  const { form, outcome } = fill(screen.form, MINUTES_FIELDS, key);
  if (outcome === 'cancelled') return show(state, SSH);
  const next = show(state, { ...screen, form });
  if (outcome === 'editing') return next;
  return request(next.state, { type: 'enable-ssh', minutes: Number(form.values.minutes) });
}

export function viewSsh(state: State, screen: ScreenOf<'ssh'>, room: Size): Body {
  const { value, problem } = state.facts.ssh;
  const now = value === null ? (problem ?? '...') : sshText(value, state.now);
  return body('SSH', 'Enter or letter Do it   Esc Back', [
    bold(`SSH is ${now}`),
    line(''),
    ...viewList(
      screen.list,
      COMMANDS.map(({ text }) => text),
      { ...room, rows: COMMANDS.length },
    ),
    line(''),
    line('root logs in with a key of /quantix/ssh/authorized_keys, never with a password.'),
    line('The time counts on when this console is left.'),
  ]);
}

export function viewMinutes(_state: State, screen: ScreenOf<'ssh-minutes'>, room: Size): Body {
  return withForm('SSH', viewForm(screen.form, MINUTES_FIELDS, room.columns), [
    line('SSH goes off by itself after this time, also when this console is left.'),
  ]);
}
