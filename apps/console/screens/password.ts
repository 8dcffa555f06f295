import { requestChange, withNotices } from '../change.ts';
import { createSecretField } from '../kit/field.ts';
import type { Screen } from '../state.ts';
import { show } from '../steps.ts';
import { createFormScreen } from './form.ts';

type Name = 'password' | 'again';

const LEAST_CHARACTERS = 8;

/** Fields of a new password, typed twice; the rules are those of qx-password. */
const FIELDS = [
  createSecretField<Name>({
    name: 'password',
    label: 'New password',
    hint: `at least ${LEAST_CHARACTERS} characters`,
    problem: ({ password }) => {
      if (password.length < LEAST_CHARACTERS) return `At least ${LEAST_CHARACTERS} characters.`;
      return /^[ -~]*$/.test(password) ? null : 'Letters, digits and signs of ASCII only.';
    },
  }),
  createSecretField<Name>({
    name: 'again',
    label: 'Once more',
    hint: '',
    problem: ({ password, again }) => (password === again ? null : 'The two are not the same.'),
  }),
] as const;

/** Creates the empty form for a new password. */
export function createPasswordScreen(): Screen {
  return createFormScreen<Name>(
    {
      title: 'Password',
      purpose: ['The password of root, for this console and for log-in prompts; never over SSH.'],
      fields: FIELDS,
      send: (state, { password }) =>
        // Clear the form: no password stays on the screen.
        requestChange(show(state, createPasswordScreen()).state, {
          title: 'Setting the password',
          facts: [],
          leads: 'back',
          run: async (deps, signal) =>
            withNotices(
              'The password is set. It is asked for before anything is changed here.',
              await deps.setPassword(password, signal),
            ),
        }),
    },
    { password: '', again: '' },
  );
}
