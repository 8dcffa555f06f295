import { $, ProcessOutput } from 'zx/core';
import { callerEnvironment, type Environment } from './environment.ts';
import { childFailure } from './run.ts';

/** Runs one line of shell. A value in it is one word, an array several; none of it is read as shell. */
export type ShellLine = (
  text: TemplateStringsArray,
  ...values: (string | readonly string[])[]
) => Promise<void>;

/** How lines are run; everything is optional. */
export interface ShellOptions {
  /** Variables added to the caller's. */
  env?: Environment;
  /** Whose terminal, or files, the programs have; they have none if absent, and their errors are told if they fail. */
  stdio?: 'inherit';
  /** Ends the programs when aborted. */
  signal?: AbortSignal | undefined;
}

/**
 * A shell for steps that act for the caller, such as installing packages on the host. What makes an image is run by
 * `run` and `feed` instead, in an environment of its own.
 * @returns a function for templates, which throws a BuildError with the last words of a line that fails
 */
export function callerShell({ env, stdio, signal }: ShellOptions): ShellLine {
  const shell = $({
    env: { ...callerEnvironment(), ...env },
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
      throw childFailure(name, { exitCode, signal: killedBy, stderr, cause: error });
    }
  };
}
