import type { Fact } from '../facts.ts';

/** A line of a report: a label, empty if the line continues the one above, and a text. */
export interface Row {
  label: string;
  text: string;
}

/** Creates rows with one label. */
export function createRows(label: string, texts: readonly string[]): Row[] {
  return texts.map((text, index) => ({ label: index === 0 ? label : '', text }));
}

/** Creates rows for a fact: its value, or why it is unknown. */
export function createFactRows<T>(
  label: string,
  fact: Fact<T>,
  toTexts: (value: T) => string[],
): Row[] {
  if (fact.value !== null) return createRows(label, toTexts(fact.value));
  return createRows(label, [fact.problem === null ? '...' : `not known: ${fact.problem}`]);
}
