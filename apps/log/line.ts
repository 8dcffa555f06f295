/** How much a message matters, the most first. */
export const LEVELS = ['error', 'warning', 'info', 'debug'] as const;

export type Level = (typeof LEVELS)[number];

/** Characters of a message above which the rest is left out. */
const LONGEST = 4_096;

/** A message as one line of printable text, whatever is in it: a log is read in terminals. */
export function oneLine(message: string): string {
  const line = message.trim().replaceAll(/\s*\n\s*/g, ' | ');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  const printable = line.replaceAll(/[\x00-\x1f\x7f-\x9f\u2028\u2029]+/g, '?');
  return printable.length > LONGEST ? `${printable.slice(0, LONGEST)}…` : printable;
}

/** An error in words: its message and those of its causes. */
export function errorWords(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  if (!(cause instanceof Error) || error.message.includes(cause.message)) return error.message;
  return `${error.message}: ${errorWords(cause)}`;
}
