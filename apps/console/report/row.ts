import type { Fact } from '../facts.ts';

/** A line of a report: a label, or none where it goes on with the one above, and a text. */
export interface Row {
  label: string;
  text: string;
}

/** Texts under one label. */
export function rows(label: string, texts: readonly string[]): Row[] {
  return texts.map((text, index) => ({ label: index === 0 ? label : '', text }));
}

/** Rows of what is known; where it is not, why. */
export function rowsOf<T>(label: string, fact: Fact<T>, toTexts: (value: T) => string[]): Row[] {
  if (fact.value !== null) return rows(label, toTexts(fact.value));
  return rows(label, [fact.problem === null ? '...' : `not known: ${fact.problem}`]);
}
