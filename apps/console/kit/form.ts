import type { Field, Fields, Values } from './field.ts';
import type { Key } from './keys.ts';

/** A form that is being filled in. */
export interface Form<Name extends string> {
  values: Values<Name>;
  /** Index of the focused field. */
  focus: number;
  /** UTF-16 code units left of the cursor in that field; never in the middle of a character. */
  cursor: number;
  /** True after an attempt to submit: then empty fields show their problems, too. */
  asked: boolean;
}

/** The result of a key in a form. */
export interface Filling<Name extends string> {
  form: Form<Name>;
  /** True if the key submitted the form; a form with a problem in a field is not submitted. */
  submitted: boolean;
}

/** Creates a form with these values; the cursor is at the end of the first field. */
export function openForm<Name extends string>(
  fields: Fields<Name>,
  values: Values<Name>,
): Form<Name> {
  return focusOn({ values, focus: 0, cursor: 0, asked: false }, fields, 0);
}

/** Returns the form after a key: characters change a value, Tab, Up and Down select a field, Enter submits. */
export function fill<Name extends string>(
  form: Form<Name>,
  fields: Fields<Name>,
  key: Key,
): Filling<Name> {
  if (key.name === 'enter') return submit(form, fields);
  return { form: edit(form, fields, key), submitted: false };
}

/** Returns the problem that a field shows now: an empty field shows none until the form is submitted. */
export function findComplaint<Name extends string>(
  form: Form<Name>,
  field: Field<Name>,
): string | null {
  if (form.values[field.name] === '' && !form.asked) return null;
  return field.problem(form.values);
}

function submit<Name extends string>(form: Form<Name>, fields: Fields<Name>): Filling<Name> {
  const asked = { ...form, asked: true };
  const wrong = fields.findIndex((field) => field.problem(form.values) !== null);
  if (wrong >= 0) return { form: focusOn(asked, fields, wrong), submitted: false };
  return { form: asked, submitted: true };
}

function edit<Name extends string>(form: Form<Name>, fields: Fields<Name>, key: Key): Form<Name> {
  if (key.name === 'tab' || key.name === 'down') return focusOn(form, fields, form.focus + 1);
  if (key.name === 'backtab' || key.name === 'up') return focusOn(form, fields, form.focus - 1);
  const field = fields[form.focus];
  if (field === undefined) return form;
  return field.kind === 'choice' ? choose(form, field, key) : type(form, field, key);
}

function focusOn<Name extends string>(
  form: Form<Name>,
  fields: Fields<Name>,
  index: number,
): Form<Name> {
  const focus = (index + fields.length) % fields.length;
  const field = fields[focus];
  return { ...form, focus, cursor: field === undefined ? 0 : form.values[field.name].length };
}

function choose<Name extends string>(form: Form<Name>, field: Field<Name>, key: Key): Form<Name> {
  const step = stepOf(key);
  const index = field.choices.findIndex(({ value }) => value === form.values[field.name]);
  const { length } = field.choices;
  const chosen = field.choices[(index + step + length) % length];
  return step === 0 || chosen === undefined ? form : withValue(form, field, chosen.value);
}

function stepOf(key: Key): number {
  if (key.name === 'left') return -1;
  return key.name === 'right' || (key.name === 'character' && key.character === ' ') ? 1 : 0;
}

function type<Name extends string>(form: Form<Name>, field: Field<Name>, key: Key): Form<Name> {
  const value = form.values[field.name];
  const { cursor } = form;
  const [left, right] = [value.slice(0, cursor), value.slice(cursor)];
  const [before = '', after = ''] = [[...left].at(-1), [...right][0]];
  if (key.name === 'left') return { ...form, cursor: cursor - before.length };
  if (key.name === 'right') return { ...form, cursor: cursor + after.length };
  if (key.name === 'home') return { ...form, cursor: 0 };
  if (key.name === 'end') return { ...form, cursor: value.length };
  if (key.name === 'backspace') {
    const kept = left.slice(0, left.length - before.length);
    return { ...withValue(form, field, kept + right), cursor: kept.length };
  }
  if (key.name === 'delete') return withValue(form, field, left + right.slice(after.length));
  if (key.name !== 'character' || [...value].length >= field.longest) return form;
  const typed = left + key.character;
  return { ...withValue(form, field, typed + right), cursor: typed.length };
}

function withValue<Name extends string>(
  form: Form<Name>,
  field: Field<Name>,
  value: string,
): Form<Name> {
  return { ...form, values: { ...form.values, [field.name]: value } };
}
