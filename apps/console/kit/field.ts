/** One of several answers. */
export interface Choice {
  value: string;
  label: string;
}

/** Values of a form's fields. */
export type Values<Name extends string> = Readonly<Record<Name, string>>;

/** A field of a form: its name and label, and its rules. */
export interface Field<Name extends string> {
  name: Name;
  label: string;
  /** `secret` shows stars; `choice` is changed with Left, Right and Space. */
  kind: 'text' | 'secret' | 'choice';
  /** The answers of a `choice`. */
  choices: readonly Choice[];
  /** Help text, shown while the field is empty. */
  hint: string;
  /** Maximum number of characters of its value. */
  longest: number;
  /** Returns what is wrong with its value, checked at each key; `null` if nothing is. */
  problem(values: Values<Name>): string | null;
}

/** The fields of a form, from top to bottom. */
export type Fields<Name extends string> = readonly Field<Name>[];

/** Maximum number of characters of a field by default. */
export const LONGEST_VALUE = 128;

/** Creates a field for text. */
export function createTextField<Name extends string>(
  field: Pick<Field<Name>, 'name' | 'label' | 'hint' | 'problem'> & { longest?: number },
): Field<Name> {
  return { longest: LONGEST_VALUE, ...field, kind: 'text', choices: [] };
}

/** Creates a field for a password. */
export function createSecretField<Name extends string>(
  field: Pick<Field<Name>, 'name' | 'label' | 'hint' | 'problem'>,
): Field<Name> {
  return { ...field, kind: 'secret', choices: [], longest: LONGEST_VALUE };
}

/** Creates a field for one of several answers. */
export function createChoiceField<Name extends string>(
  field: Pick<Field<Name>, 'name' | 'label' | 'choices'>,
): Field<Name> {
  return { ...field, kind: 'choice', hint: '', longest: 0, problem: () => null };
}
