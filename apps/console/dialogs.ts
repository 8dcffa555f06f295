import { titleOf } from './actions.ts';
import { AUTHORIZATION_FIELDS } from './authorization.ts';
import { type Box, boxWidth } from './kit/dialog.ts';
import { viewForm } from './kit/form-view.ts';
import { bold, type Line, line } from './kit/frame.ts';
import { plain, wrap } from './kit/text.ts';
import type { Dialog } from './state.ts';

/** Turns while something is being done. */
const SPINNER = ['|', '/', '-', '\\'];

/** What a dialog says, and which keys it takes. */
export function viewDialog(dialog: Dialog, columns: number): Box & { keys: string } {
  const width = boxWidth(columns);
  const paragraph = (text: string): Line[] => wrap(text, width).map(line);
  const heading = (text: string): Line[] => wrap(text, width).map(bold);
  switch (dialog.name) {
    case 'message':
      return {
        lines: [...heading(dialog.title), line(''), ...paragraph(dialog.text)],
        cursor: null,
        keys: 'Enter Go on',
      };
    case 'confirm':
      return {
        lines: [...heading(dialog.title), line(''), ...paragraph(dialog.text)],
        cursor: null,
        keys: 'y Yes   n No',
      };
    case 'working': {
      const turn = SPINNER[dialog.turn % SPINNER.length] ?? '';
      return {
        lines: paragraph(`${turn} ${plain(dialog.title)} ...`),
        cursor: null,
        keys: 'Esc Cancel',
      };
    }
    case 'authorize': {
      const { lines, cursor } = viewForm(dialog.form, AUTHORIZATION_FIELDS, width);
      const above = [...heading(titleOf(dialog.action)), line('')];
      const below = dialog.problem === null ? [] : paragraph(`! ${dialog.problem}`);
      return {
        lines: [...above, ...lines, ...below],
        cursor: cursor && { ...cursor, row: cursor.row + above.length },
        keys: 'Enter Go on   Esc Cancel',
      };
    }
  }
}
