import type { ExecaError, Options } from 'execa';
import { BuildError } from '../error.ts';
import { KILL_AFTER, superviseGroup } from './child-group.ts';
import { type Environment, makeIsolatedEnvironment } from './environment.ts';
import { logTool } from './tool-log.ts';
import { ISOLATING_ARGUMENTS, TOOL_PACKAGES, type Tool } from './tools.ts';

/** Messages of tools about a full disk: that of the C library, and that of xorriso. */
const FULL_DISK = /No space left on device|exceeds free space on media/;

/** Options for running a tool; all are optional. */
export interface RunOptions {
  /** Working directory; the current one if absent. */
  cwd?: string;
  /** Variables added to the tool's environment (`makeIsolatedEnvironment`); `undefined` removes one. */
  env?: Environment;
  /** Text or bytes for the tool's standard input; empty if absent. */
  input?: string | Uint8Array;
  /** When aborted, ends the tool and everything it started (SIGTERM, half a second later SIGKILL). */
  signal?: AbortSignal | undefined;
}

/** Milliseconds between SIGTERM and SIGKILL for a child without a process group, such as apt-get on the host. */
const FORCE_KILL_AFTER = 3_000;

/** Options of execa for a child that leads its own process group; pass the child to `superviseGroup`. */
export function groupOptions(options: RunOptions): Options {
  const group = { detached: true, cleanup: false, forceKillAfterDelay: KILL_AFTER };
  return { ...makeChildOptions(options), ...group };
}

/** Options of execa for all children of the toolchain. */
export function makeChildOptions({ cwd, env, signal }: RunOptions): Options {
  return {
    ...(cwd === undefined ? {} : { cwd }),
    ...(signal === undefined ? {} : { cancelSignal: signal }),
    env: { ...makeIsolatedEnvironment(), ...env },
    extendEnv: false,
    forceKillAfterDelay: FORCE_KILL_AFTER,
  };
}

/**
 * Runs a host tool to its end.
 * @returns its standard output without the last line feed
 * @throws BuildError naming the tool and its last message if it is missing or its exit code is not 0
 */
export async function run(
  tool: Tool,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  // Loaded on use: most commands start no child, and execa is a third of what they would load.
  const { execa } = await import('execa');
  const whole = [...(ISOLATING_ARGUMENTS[tool] ?? []), ...args];
  try {
    const child = execa(tool, whole, {
      ...groupOptions(options),
      input: options.input ?? '',
      maxBuffer: 512 * 1024 * 1024,
    });
    logTool(child, [tool, ...whole], options.cwd);
    const { stdout } = await superviseGroup(child, options.signal);
    return typeof stdout === 'string' ? stdout : '';
  } catch (error) {
    throw explainToolError(tool, error);
  }
}

/**
 * Whether an error is execa's error about a child process. It is recognised by its name: for a check of its class,
 * execa would have to be loaded, and most commands start no child.
 */
export function isChildError(error: unknown): error is ExecaError {
  return error instanceof Error && error.name === 'ExecaError';
}

/**
 * Returns the command line of the tool that caused an error, quoted for a shell.
 * @returns `undefined` if neither the error nor one of its causes is about a tool
 */
export function findFailedCommand(error: unknown): string | undefined {
  if (isChildError(error)) return error.escapedCommand;
  return error instanceof Error ? findFailedCommand(error.cause) : undefined;
}

/** Converts execa's error about a child to one for the user; returns any other error unchanged. */
export function explainToolError(tool: Tool, error: unknown): unknown {
  if (!isChildError(error)) return error;
  if (error.isCanceled) return new BuildError({ what: `${tool} was cancelled`, cause: error });
  if (error.code === 'ENOENT') {
    return new BuildError({
      what: `host tool ${tool} is missing`,
      fix: `Install it: apt-get install ${TOOL_PACKAGES[tool]}`,
      cause: error,
    });
  }
  const stderr = typeof error.stderr === 'string' ? error.stderr : '';
  return explainChildFailure(tool, {
    exitCode: error.exitCode,
    signal: error.signal,
    stderr,
    cause: error,
  });
}

/** How a failed program ended. */
export interface ChildEnd {
  exitCode?: number | null | undefined;
  /** Name of the signal that ended it, if any. */
  signal?: string | null | undefined;
  /** Its standard error. */
  stderr: string;
  cause: unknown;
}

/** Returns the error for a failed program: that the disk is full, or how it ended and its last message. */
export function explainChildFailure(
  name: string,
  { exitCode, signal, stderr, cause }: ChildEnd,
): BuildError {
  if (FULL_DISK.test(stderr)) {
    return new BuildError({
      what: `the disk is full: ${name} could not write its output`,
      fix: 'Free space where the image goes (--output) and in the cache (--cache-dir, QUANTIX_CACHE).',
      cause,
    });
  }
  const lastLines = stderr.trim().split('\n').slice(-3).join(' | ');
  const how = signal ? `got ${signal}` : `exited with ${exitCode}`;
  return new BuildError({
    what: lastLines === '' ? `${name} ${how}` : `${name} ${how}: ${lastLines}`,
    cause,
  });
}
