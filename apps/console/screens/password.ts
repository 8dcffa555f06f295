import { request } from '../authorization.ts';
import { secretField } from '../kit/field.ts';
import { fill, openForm } from '../kit/form.ts';
import { viewForm } from '../kit/form-view.ts';
import { line, type Size } from '../kit/frame.ts';
import type { Key } from '../kit/keys.ts';
import type { PasswordName, ScreenOf, State } from '../state.ts';
import { type Step, show } from '../steps.ts';
import { STATUS } from './back.ts';
import { type Body, withForm } from './body.ts';

const LEAST_CHARACTERS = 8;

/** A new password, twice; its rules are qx-password's. */
export const PASSWORD_FIELDS = [
  secretField<PasswordName>({
    name: 'password',
    label: 'New password',
    hint: `at least ${LEAST_CHARACTERS} characters`,
    problem: ({ password }) => {
      if (password.length < LEAST_CHARACTERS) return `At least ${LEAST_CHARACTERS} characters.`;
      return /^[ -~]*$/.test(password) ? null : 'Letters, digits and signs of ASCII only.';
    },
  }),
  secretField<PasswordName>({
    name: 'again',
    label: 'Once more',
    hint: '',
    problem: ({ password, again }) => (password === again ? null : 'The two are not the same.'),
  }),
] as const;

/** The form for a new password, empty. */
export function openPasswordForm(): ScreenOf<'password'> {
  return { name: 'password', form: openForm(PASSWORD_FIELDS, { password: '', again: '' }) };
}

export function onPasswordKey(state: State, screen: ScreenOf<'password'>, key: Key): Step {
  const { form, outcome } = fill(screen.form, PASSWORD_FIELDS, key);
  if (outcome === 'cancelled') return show(state, STATUS);
  if (outcome === 'editing') return show(state, { ...screen, form });
  const { password } = form.values;
  return request({ ...state, screen: openPasswordForm() }, { type: 'set-password', password });
}

export function viewPassword(_state: State, screen: ScreenOf<'password'>, room: Size): Body {
  return withForm('Password', viewForm(screen.form, PASSWORD_FIELDS, room.columns), [
    line('The password of root, for this console and for log-in prompts; never over SSH.'),
  ]);
}
