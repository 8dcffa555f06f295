import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import { FORCE_KILL_AFTER, startChild } from './child.ts';
import { CommandError } from './command-error.ts';
import { endingError } from './ending-error.ts';

/** Characters of output above which a command is ended, if its caller does not say. */
const MAX_OUTPUT = 16 * 1024 * 1024;

/** Milliseconds that a child may take to be gone after SIGKILL. */
const REAPING = 500;

/** How a command is run. */
export interface RunOptions {
  /** Milliseconds after which it is ended: SIGTERM, `forceKillAfter` later SIGKILL. */
  timeout: number;
  /** Milliseconds that it may take to end by itself, putting back what it had changed, say; 2 s if absent. */
  forceKillAfter?: number;
  /** Ends it when aborted. */
  signal?: AbortSignal | undefined;
  /** Text for its standard input; empty if absent. The place for a password: all can read arguments. */
  input?: string;
  /** Characters that it may write; 16 Mi if absent. */
  maxOutput?: number;
  /** Gets the end of a child that was left to itself, since not even SIGKILL ended it. */
  onSurvivor?: ((ended: Promise<unknown>) => void) | undefined;
}

/** What a command wrote, without the last line feeds. */
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
 * Runs a command to its end. Comes back in time whatever happens: a child that not even SIGKILL ends, since the kernel
 * waits for a file server on its behalf, is left to itself.
 * @param command a name that is looked up in PATH, or a path
 * @throws CommandError if it is missing, exits with other than 0, is ended by a signal or exceeds a limit
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
    const error = end === undefined ? undefined : endingError(end, { ...asked, ...output });
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

/** Keeps what a stream brings. @returns gives it, without its last line feed */
function collect(stream: Readable | null, most: number, exceeded: () => void): () => string {
  let text = '';
  stream?.setEncoding('utf8').on('data', (piece: string) => {
    text = (text + piece).slice(0, most);
    if (text.length >= most) exceeded();
  });
  return () => text.replace(/\n$/, '');
}

/** Hands text in. A child that ends without reading it is no failure. */
function give(stream: Writable | null, text: string): void {
  stream?.on('error', () => undefined);
  stream?.end(text);
}

/** Comes to an end when a child should long be gone; never before. */
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
