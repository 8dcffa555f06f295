import { printable } from '../text/printable.ts';

/** How much a message matters, the most first. */
export const LEVELS = ['error', 'warning', 'info', 'debug'] as const;

export type Level = (typeof LEVELS)[number];

/** Characters of a message above which the rest is left out. */
const LONGEST = 4_096;

/** A message as one line of printable text, whatever is in it: a log is read in terminals. */
export function oneLine(message: string): string {
  const line = message.trim().replaceAll(/\s*\n\s*/g, ' | ');
  const text = printable(line);
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}

/** An error in words: its message and those of its causes. */
export function errorWords(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  if (!(cause instanceof Error) || error.message.includes(cause.message)) return error.message;
  return `${error.message}: ${errorWords(cause)}`;
}
