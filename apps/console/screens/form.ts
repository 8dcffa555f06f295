import type { FactName } from '../facts.ts';
import type { Fields, Values } from '../kit/field.ts';
import { type Form, fill, openForm } from '../kit/form.ts';
import { drawForm } from '../kit/form-view.ts';
import { line } from '../kit/frame.ts';
import { wrap } from '../kit/text.ts';
import type { Screen, State, Step } from '../state.ts';
import { show } from '../steps.ts';

/** A form that fills a screen. */
export interface FormSpec<Name extends string> {
  title: string;
  /** Its purpose, by paragraph. */
  purpose: readonly string[];
  fields: Fields<Name>;
  /** Facts that are kept up to date while the form is shown. */
  facts?: readonly FactName[];
  /** Handles submitted values without problems. The form stays on the screen, for another try. */
  send(state: State, values: Values<Name>): Step;
}

/** Creates a screen with a form that has these initial values. */
export function createFormScreen<Name extends string>(
  spec: FormSpec<Name>,
  values: Values<Name>,
): Screen {
  return screenOf(spec, openForm(spec.fields, values));
}

function screenOf<Name extends string>(spec: FormSpec<Name>, form: Form<Name>): Screen {
  const { title, purpose, fields, facts = [] } = spec;
  return {
    facts,
    takesText: true,
    view: (_state, { columns }) => {
      const above = [...purpose.flatMap((text) => wrap(text, columns).map(line)), line('')];
      const { lines, cursor } = drawForm(form, fields, columns);
      return {
        title,
        keys: 'Enter Do it   Tab Next field   Esc Back',
        lines: [...above, ...lines],
        cursor: cursor && { ...cursor, row: cursor.row + above.length },
      };
    },
    onKey: (state, key) => {
      const { form: filled, submitted } = fill(form, fields, key);
      const shown = show(state, screenOf(spec, filled));
      return submitted ? spec.send(shown.state, filled.values) : shown;
    },
  };
}
