/** One answer of several. */
export interface Choice {
  value: string;
  label: string;
}

/** What the fields of a form hold. */
export type Values<Name extends string> = Readonly<Record<Name, string>>;

/** A field of a form: what it is called, and what may stand in it. */
export interface Field<Name extends string> {
  name: Name;
  label: string;
  /** `secret` shows stars; `choice` is changed by Left, Right and Space. */
  kind: 'text' | 'secret' | 'choice';
  /** The answers of a `choice`. */
  choices: readonly Choice[];
  /** What to type, shown while the field is empty. */
  hint: string;
  /** Characters that it takes at most. */
  longest: number;
  /** What is wrong with its value, looked for at each key; `null` if nothing is. */
  problem(values: Values<Name>): string | null;
}

/** A form, from top to bottom. */
export type Fields<Name extends string> = readonly Field<Name>[];

/** Characters that a field takes at most where nothing else is said. */
export const LONGEST_VALUE = 128;

/** A field to type in. */
export function textField<Name extends string>(
  field: Pick<Field<Name>, 'name' | 'label' | 'hint' | 'problem'> & { longest?: number },
): Field<Name> {
  return { longest: LONGEST_VALUE, ...field, kind: 'text', choices: [] };
}

/** A field for a password. */
export function secretField<Name extends string>(
  field: Pick<Field<Name>, 'name' | 'label' | 'hint' | 'problem'>,
): Field<Name> {
  return { ...field, kind: 'secret', choices: [], longest: LONGEST_VALUE };
}

/** A field that holds one of several answers. */
export function choiceField<Name extends string>(
  field: Pick<Field<Name>, 'name' | 'label' | 'choices'>,
): Field<Name> {
  return { ...field, kind: 'choice', hint: '', longest: 0, problem: () => null };
}
