import type { Readable } from 'node:stream';
import { startChild } from './child.ts';
import { CommandError } from './command-error.ts';
import { explainEnding } from './ending-error.ts';

/** Characters at the end of standard error that are kept for the error message. */
const LAST_WORDS = 4_096;

/** How a long-running command is run. */
export interface StreamOptions {
  /** Ends the command, and the iteration with it, when aborted. */
  signal: AbortSignal;
}

/**
 * Runs a long-running command, and yields each line of its standard output as it comes. Ends when the command exits
 * with status 0 or the signal is aborted. Leaving the loop ends the command. The caller restarts it if necessary.
 * @throws CommandError if the command is missing, exits with a status other than 0 or is ended by a signal
 */
export async function* streamLines(
  command: string,
  args: readonly string[],
  { signal }: StreamOptions,
): AsyncGenerator<string, void, void> {
  if (signal.aborted) return;
  const left = new AbortController();
  const ending = AbortSignal.any([signal, left.signal]);
  const stdio = ['ignore', 'pipe', 'pipe'] as const;
  const child = startChild({ command, args, stdio: [...stdio], signal: ending });
  let stderr = '';
  child.process.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-LAST_WORDS);
  });
  const ended = child.ended.then(
    (end) => explainEnding(end, { command, args, stderr }),
    (error: unknown) => error,
  );
  try {
    // Without a free file descriptor for them, Node gives a child no streams at all: not even null.
    for await (const line of splitLines(textOf(child.process.stdout ?? null))) {
      if (signal.aborted) return;
      yield line;
    }
    const error = await ended;
    if (error !== undefined && !ending.aborted) throw error;
  } catch (error) {
    if (error instanceof CommandError || !ending.aborted) throw error;
  } finally {
    left.abort();
    await ended;
  }
}

async function* textOf(stream: Readable | null): AsyncGenerator<string, void, void> {
  if (stream !== null) yield* stream.setEncoding('utf8');
}

/** Longest line in characters; the rest of it is left out. */
const LONGEST_LINE = 64 * 1024;

/** Splits text that comes in pieces into lines; a last line without a line feed counts too. */
export async function* splitLines(
  pieces: AsyncIterable<string>,
): AsyncGenerator<string, void, void> {
  let rest = '';
  for await (const piece of pieces) {
    const lines = (rest + piece).split('\n');
    rest = (lines.pop() ?? '').slice(0, LONGEST_LINE);
    yield* lines.map((line) => line.slice(0, LONGEST_LINE));
  }
  if (rest !== '') yield rest;
}
