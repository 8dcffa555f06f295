import { makePrintable } from '../text/printable.ts';

/** Levels of messages, the most important first. */
export const LEVELS = ['error', 'warning', 'info', 'debug'] as const;

export type Level = (typeof LEVELS)[number];

/** Longest message in characters; the rest is left out. */
const LONGEST = 4_096;

/** Turns a message into one line of printable text, because logs are read in terminals. */
export function toOneLine(message: string): string {
  const line = message.trim().replaceAll(/\s*\n\s*/g, ' | ');
  const text = makePrintable(line);
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}

/** Returns the message of an error and those of its causes. */
export function formatErrorMessages(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  if (!(cause instanceof Error) || error.message.includes(cause.message)) return error.message;
  return `${error.message}: ${formatErrorMessages(cause)}`;
}
