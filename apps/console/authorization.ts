import type { PasswordState } from './deps.ts';
import { formatHeading, isEscape, runWork, showMessage } from './dialogs.ts';
import { computeBoxWidth } from './kit/dialog.ts';
import { createSecretField } from './kit/field.ts';
import { type Form, fill, openForm } from './kit/form.ts';
import { drawForm } from './kit/form-view.ts';
import { line } from './kit/frame.ts';
import { wrap } from './kit/text.ts';
import type { Dialog, Next, State, Step } from './state.ts';
import { open } from './steps.ts';

/** Milliseconds that a password check may take: hashing is slow on purpose, and earlier wrong passwords add delays. */
const PASSWORD_LIMIT = 90_000;

/** The form that asks for root's password. */
const FIELDS = [
  createSecretField({
    name: 'password',
    label: 'Password of root',
    hint: '',
    problem: ({ password }) => (password === '' ? 'Type the password.' : null),
  }),
] as const;

/**
 * Continues with an action that needs root's password, after asking for the password if root has one. Whether root has
 * one is read each time; if it cannot be read, the action is refused.
 * @param title name of the action, for people
 */
export function authorize(state: State, title: string, next: Next): Step {
  return runWork(state, {
    title,
    limit: PASSWORD_LIMIT,
    facts: [],
    run: async (deps, signal) => {
      const password = await deps.passwordState(signal);
      return (now) => onPasswordState(now, { title, password, next });
    },
  });
}

function onPasswordState(
  state: State,
  { title, password, next }: { title: string; password: PasswordState; next: Next },
): Step {
  if (typeof password === 'object') {
    return showMessage(state, 'The consoles are closed', password.closed);
  }
  return password === 'empty' ? next(state) : ask(state, { title, next, problem: null });
}

interface Question {
  title: string;
  next: Next;
  /** What was wrong with the previous password. */
  problem: string | null;
}

function ask(state: State, question: Question): Step {
  return open(state, dialogOf(question, openForm<'password'>(FIELDS, { password: '' })));
}

function dialogOf(question: Question, form: Form<'password'>): Dialog {
  const { title, next, problem } = question;
  return {
    passing: false,
    moves: null,
    view: (_state, columns) => {
      const width = computeBoxWidth(columns);
      const { lines, cursor } = drawForm(form, FIELDS, width);
      const above = formatHeading(title, columns);
      const below = problem === null ? [] : wrap(`! ${problem}`, width).map(line);
      return {
        lines: [...above, ...lines, ...below],
        cursor: cursor && { ...cursor, row: cursor.row + above.length },
        keys: 'Enter Go on   Esc Cancel',
      };
    },
    onKey: (state, key) => {
      if (isEscape(key)) return open(state, null);
      const { form: filled, submitted } = fill(form, FIELDS, key);
      if (!submitted) return open(state, dialogOf(question, filled));
      return runWork(state, {
        title: 'Checking the password',
        limit: PASSWORD_LIMIT,
        facts: [],
        run: async (deps, signal) => {
          const right = await deps.checkPassword(filled.values.password, signal);
          return (now) =>
            right ? next(now) : ask(now, { title, next, problem: 'That is not the password.' });
        },
      });
    },
  };
}
