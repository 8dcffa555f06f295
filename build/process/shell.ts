import { $, ProcessOutput } from 'zx/core';
import { type Environment, makeCallerEnvironment } from './environment.ts';
import { explainChildFailure } from './run.ts';

/**
 * Runs one line of shell. A string value becomes one word, an array one word per element; values are never parsed as
 * shell.
 */
export type ShellLine = (
  text: TemplateStringsArray,
  ...values: (string | readonly string[])[]
) => Promise<void>;

/** Options for running lines; all are optional. */
export interface ShellOptions {
  /** Variables added to the caller's. */
  env?: Environment;
  /**
   * `inherit`: programs use this process's terminal or files. If absent, programs have no terminal, and their errors
   * are reported.
   */
  stdio?: 'inherit';
  /** Ends the programs when aborted. */
  signal?: AbortSignal | undefined;
}

/**
 * Returns a shell for actions on behalf of the caller, such as installing packages on the host. Tools that make an
 * image are run with `run` and `feedTool` instead, in an isolated environment.
 * @returns a template function, which throws a BuildError with the last message of a line that fails
 */
export function makeCallerShell({ env, stdio, signal }: ShellOptions): ShellLine {
  const shell = $({
    env: { ...makeCallerEnvironment(), ...env },
    quiet: true,
    // In this process's group: Ctrl-C reaches the programs, and they may read from its terminal.
    detached: false,
    ...(stdio === undefined ? {} : { stdio }),
    ...(signal === undefined ? {} : { signal }),
  });
  return async (text, ...values) => {
    try {
      await shell(text, ...values);
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof ProcessOutput)) throw error;
      const name = /^\s*(?!exec\b)(\S+)/.exec(text[0] ?? '')?.[1] ?? String(values[0]);
      const { exitCode, signal: killedBy, stderr } = error;
      throw explainChildFailure(name, { exitCode, signal: killedBy, stderr, cause: error });
    }
  };
}
