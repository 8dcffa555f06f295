import type { FormView } from '../kit/form-view.ts';
import { type Line, line, type Position } from '../kit/frame.ts';

/** What a screen shows between the title and the menu. */
export interface Body {
  title: string;
  lines: readonly Line[];
  cursor: Position | null;
  /** Which keys do what here. */
  keys: string;
}

/** A body without a cursor. */
export function body(title: string, keys: string, lines: readonly Line[]): Body {
  return { title, keys, lines, cursor: null };
}

/** A body that is a form below some lines that say what it is for. */
export function withForm(title: string, form: FormView, purpose: readonly Line[]): Body {
  const above = [...purpose, line('')];
  return {
    title,
    keys: 'Enter Do it   Tab Next field   Esc Back',
    lines: [...above, ...form.lines],
    cursor: form.cursor && { ...form.cursor, row: form.cursor.row + above.length },
  };
}
