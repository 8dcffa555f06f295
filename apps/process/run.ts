import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { execa } from 'execa';
import { CHILD_OPTIONS, FORCE_KILL_AFTER } from './child.ts';
import { CommandError } from './command-error.ts';
import { explain } from './explain.ts';

/** Characters of output above which a command is ended, if its caller does not say. */
const MAX_OUTPUT = 16 * 1024 * 1024;

/** Milliseconds that a child may take to be gone after SIGKILL. */
const REAPING = 500;

/** How a command is run. */
export interface RunOptions {
  /** Milliseconds after which it is ended: SIGTERM, 2 s later SIGKILL. */
  timeout: number;
  /** Ends it when aborted. */
  signal?: AbortSignal | undefined;
  /** Text for its standard input; empty if absent. The place for a password: all can read arguments. */
  input?: string;
  /** Characters that it may write; 16 Mi if absent. */
  maxOutput?: number;
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
  { timeout, signal, input = '', maxOutput = MAX_OUTPUT }: RunOptions,
): Promise<Output> {
  const limit = AbortSignal.timeout(timeout);
  const ending = signal === undefined ? limit : AbortSignal.any([limit, signal]);
  const child = execa(command, args, {
    ...CHILD_OPTIONS,
    input,
    maxBuffer: maxOutput,
    cancelSignal: ending,
  });
  const settled = new AbortController();
  const overdue = { command, args, detail: `${timeout / 1000} s` } as const;
  try {
    const result = await Promise.race([child, survival(ending, settled.signal)]);
    if (result !== undefined) return { stdout: result.stdout, stderr: result.stderr };
  } catch (error) {
    const explained = explain(error, { command, args });
    if (!limit.aborted || !isCancelled(explained)) throw explained;
    throw new CommandError({ ...overdue, failure: 'timeout', stderr: explained.stderr });
  } finally {
    settled.abort();
  }
  throw new CommandError({ ...overdue, failure: limit.aborted ? 'timeout' : 'cancelled' });
}

function isCancelled(error: unknown): error is CommandError {
  return error instanceof CommandError && error.failure === 'cancelled';
}

/** Comes to an end when a child should long be gone; never before. */
async function survival(ending: AbortSignal, settled: AbortSignal): Promise<undefined> {
  try {
    if (!ending.aborted) await once(ending, 'abort', { signal: settled });
    await wait(FORCE_KILL_AFTER + REAPING, undefined, { signal: settled });
  } catch (error) {
    if (!settled.aborted) throw error;
  }
  return undefined;
}
