import { execa } from 'execa';
import { CHILD_OPTIONS } from './child.ts';
import { CommandError } from './command-error.ts';
import { explain } from './explain.ts';
import { linesOf } from './lines-of.ts';

/** Characters of standard error that are kept for the error's message. */
const LAST_WORDS = 4_096;

/** How a command that goes on is run. */
export interface StreamOptions {
  /** Ends the command, and the iteration with it, when aborted. */
  signal: AbortSignal;
}

/**
 * Runs a command that goes on, and yields each line of its standard output as it comes. Ends when the command exits with
 * 0 or the signal is aborted. A caller that leaves the loop ends the command. Starting it again is the caller's.
 * @throws CommandError if the command is missing, exits with other than 0 or is ended by a signal
 */
export async function* streamLines(
  command: string,
  args: readonly string[],
  { signal }: StreamOptions,
): AsyncGenerator<string, void, void> {
  if (signal.aborted) return;
  const left = new AbortController();
  const ending = AbortSignal.any([signal, left.signal]);
  const child = execa(command, args, {
    ...CHILD_OPTIONS,
    stdin: 'ignore',
    buffer: false,
    cancelSignal: ending,
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-LAST_WORDS);
  });
  const ended = child.then(
    () => undefined,
    (error: unknown) => (ending.aborted ? undefined : error),
  );
  try {
    for await (const line of linesOf(child.stdout.setEncoding('utf8'))) {
      if (signal.aborted) return;
      yield line;
    }
    const error = await ended;
    if (error !== undefined) throw explain(error, { command, args, stderr });
  } catch (error) {
    if (error instanceof CommandError || !ending.aborted) throw error;
  } finally {
    left.abort();
    await ended;
  }
}
