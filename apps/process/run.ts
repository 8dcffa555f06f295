import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import { FORCE_KILL_AFTER, startChild } from './child.ts';
import { CommandError } from './command-error.ts';
import { explainEnding } from './ending-error.ts';

/** Characters of output after which a command is ended, if the caller sets no limit. */
const MAX_OUTPUT = 16 * 1024 * 1024;

/** Milliseconds within which a child must have ended after SIGKILL. */
const REAPING = 500;

/** How a command is run. */
export interface RunOptions {
  /** Milliseconds after which the command is ended: SIGTERM, and SIGKILL `forceKillAfter` later. */
  timeout: number;
  /** Milliseconds that it has to end after SIGTERM, for example to undo its changes; 2 s if absent. */
  forceKillAfter?: number;
  /** Ends the command when aborted. */
  signal?: AbortSignal | undefined;
  /** Text for its standard input; empty if absent. Passwords belong here: every user can read arguments. */
  input?: string;
  /** Characters that it may write to each stream; 16 Mi if absent. */
  maxOutput?: number;
  /** Called if even SIGKILL did not end the child, which is left running; `ended` settles when it ends. */
  onSurvivor?: ((ended: Promise<unknown>) => void) | undefined;
}

/** What a command wrote, without the last line feed of each stream. */
export interface Output {
  stdout: string;
  stderr: string;
}

/** Runs a command as `runFully` does. @returns what it wrote to standard output, without the last line feed */
export async function run(
  command: string,
  args: readonly string[],
  options: RunOptions,
): Promise<string> {
  return (await runFully(command, args, options)).stdout;
}

/**
 * Runs a command and waits for its end, but never longer than its limits: a child that even SIGKILL cannot end, because
 * the kernel waits for a file server on its behalf, is left running.
 * @param command a name that is looked up in PATH, or a path
 * @throws CommandError if it is missing, exits with a status other than 0, is ended by a signal or exceeds a limit
 */
export async function runFully(
  command: string,
  args: readonly string[],
  {
    timeout,
    signal,
    input = '',
    maxOutput = MAX_OUTPUT,
    forceKillAfter = FORCE_KILL_AFTER,
    onSurvivor,
  }: RunOptions,
): Promise<Output> {
  const asked = { command, args };
  const limit = AbortSignal.timeout(timeout);
  const tooMuch = new AbortController();
  const ending = AbortSignal.any([
    limit,
    tooMuch.signal,
    ...(signal === undefined ? [] : [signal]),
  ]);
  const stdio = ['pipe' as const, 'pipe' as const, 'pipe' as const];
  const child = startChild({ ...asked, stdio, signal: ending, forceKillAfter });
  const [stdout, stderr] = [child.process.stdout, child.process.stderr].map((stream) =>
    collect(stream, maxOutput, () => tooMuch.abort()),
  );
  give(child.process.stdin, input);
  const settled = new AbortController();
  try {
    const patience = forceKillAfter + REAPING;
    const end = await Promise.race([child.ended, survival(ending, patience, settled.signal)]);
    if (end === undefined) onSurvivor?.(child.ended);
    const output = { stdout: stdout?.() ?? '', stderr: stderr?.() ?? '' };
    if (ending.aborted) throw new CommandError({ ...asked, stderr: output.stderr, ...why() });
    const error = end === undefined ? undefined : explainEnding(end, { ...asked, ...output });
    if (error !== undefined) throw error;
    return output;
  } finally {
    settled.abort();
  }

  function why() {
    if (tooMuch.signal.aborted) return { failure: 'output' } as const;
    if (limit.aborted) return { failure: 'timeout', detail: `${timeout / 1000} s` } as const;
    return { failure: 'cancelled' } as const;
  }
}

/** Collects the text of a stream. @returns a function that returns it, without its last line feed */
function collect(stream: Readable | null, most: number, exceeded: () => void): () => string {
  let text = '';
  stream?.setEncoding('utf8').on('data', (piece: string) => {
    text = (text + piece).slice(0, most);
    if (text.length >= most) exceeded();
  });
  return () => text.replace(/\n$/, '');
}

/** Writes text to a stream. A child that ends without reading it is not an error. */
function give(stream: Writable | null, text: string): void {
  stream?.on('error', () => undefined);
  stream?.end(text);
}

/** Resolves some milliseconds (`patience`) after `ending` is aborted, or once `settled` is aborted. */
async function survival(
  ending: AbortSignal,
  patience: number,
  settled: AbortSignal,
): Promise<undefined> {
  try {
    if (!ending.aborted) await once(ending, 'abort', { signal: settled });
    await wait(patience, undefined, { signal: settled });
  } catch (error) {
    if (!settled.aborted) throw error;
  }
  return undefined;
}
