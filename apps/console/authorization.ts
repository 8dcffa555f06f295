import { type Action, titleOf } from './actions.ts';
import type { PasswordState } from './deps.ts';
import { EXIT } from './exit-status.ts';
import { secretField } from './kit/field.ts';
import { fill, openForm } from './kit/form.ts';
import type { Key } from './kit/keys.ts';
import type { Dialog, State } from './state.ts';
import { leave, open, type Step, stay, tell, work } from './steps.ts';

/** The form that asks for root's password. */
export const AUTHORIZATION_FIELDS = [
  secretField({
    name: 'password',
    label: 'Password of root',
    hint: '',
    problem: ({ password }) => (password === '' ? 'Type the password.' : null),
  }),
] as const;

/** Begins an action: whether root has a password is asked now, not remembered from earlier. */
export function request(state: State, action: Action): Step {
  return work(state, titleOf(action), { type: 'ask-password-state', action });
}

/** Goes on once it is known whether there is a password; where it cannot be read, nobody goes on. */
export function onPasswordState(state: State, action: Action, password: PasswordState): Step {
  if (typeof password === 'object') {
    return tell(state, 'The consoles are closed', password.closed);
  }
  return password === 'empty' ? authorized(state, action) : ask(state, action, null);
}

/** Goes on once a password was compared with root's. */
export function onPasswordChecked(state: State, action: Action, right: boolean): Step {
  return right ? authorized(state, action) : ask(state, action, 'That is not the password.');
}

/** A key in the dialog that asks for the password. */
export function onAuthorizationKey(
  state: State,
  dialog: Extract<Dialog, { name: 'authorize' }>,
  key: Key,
): Step {
  const { form, outcome } = fill(dialog.form, AUTHORIZATION_FIELDS, key);
  if (outcome === 'cancelled') return stay({ ...state, dialog: null });
  if (outcome === 'editing') return open(state, { ...dialog, form });
  const { password } = form.values;
  const { action } = dialog;
  return work(state, 'Checking the password', { type: 'check-password', action, password });
}

function ask(state: State, action: Action, problem: string | null): Step {
  const form = openForm<'password'>(AUTHORIZATION_FIELDS, { password: '' });
  return open(state, { name: 'authorize', action, form, problem });
}

function authorized(state: State, action: Action): Step {
  if (action.type === 'shell') return leave(state, EXIT.shell);
  return work(state, titleOf(action), { type: 'perform', action });
}
