import type { ExecaError, Options } from 'execa';
import { BuildError } from '../error.ts';
import { inGroup, KILL_AFTER } from './child-group.ts';
import { type Environment, isolatedEnvironment } from './environment.ts';
import { ISOLATING_ARGUMENTS, TOOL_PACKAGES, type Tool } from './tools.ts';

/** What tools say of a disk without space: the C library's words, and xorriso's. */
const FULL_DISK = /No space left on device|exceeds free space on media/;

/** How a tool is run; everything is optional. */
export interface RunOptions {
  /** Working directory; the current one if absent. */
  cwd?: string;
  /** Variables added to the tool's environment (`isolatedEnvironment`); `undefined` removes one. */
  env?: Environment;
  /** Text or bytes for the tool's standard input; empty if absent. */
  input?: string | Uint8Array;
  /** Ends the tool and all that it started (SIGTERM, half a second later SIGKILL) when aborted. */
  signal?: AbortSignal | undefined;
}

/** Milliseconds between SIGTERM and SIGKILL for a child that leads no group, such as apt-get installing host tools. */
const FORCE_KILL_AFTER = 3_000;

/** Options of execa for a child that leads a process group of its own; pass the child on to `inGroup`. */
export function groupOptions(options: RunOptions): Options {
  const group = { detached: true, cleanup: false, forceKillAfterDelay: KILL_AFTER };
  return { ...childOptions(options), ...group };
}

/** Options of execa that every child of the toolchain shares. */
export function childOptions({ cwd, env, signal }: RunOptions): Options {
  return {
    ...(cwd === undefined ? {} : { cwd }),
    ...(signal === undefined ? {} : { cancelSignal: signal }),
    env: { ...isolatedEnvironment(), ...env },
    extendEnv: false,
    forceKillAfterDelay: FORCE_KILL_AFTER,
  };
}

/**
 * Runs a host tool to its end.
 * @returns what it wrote to standard output, without the last line feed
 * @throws BuildError if the tool is missing or exits with other than 0; names the tool and its last words
 */
export async function run(
  tool: Tool,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  // Loaded by whoever starts a child: most commands start none, and it is a third of what they would load.
  const { execa } = await import('execa');
  try {
    const child = execa(tool, [...(ISOLATING_ARGUMENTS[tool] ?? []), ...args], {
      ...groupOptions(options),
      input: options.input ?? '',
      maxBuffer: 512 * 1024 * 1024,
    });
    const { stdout } = await inGroup(child, options.signal);
    return typeof stdout === 'string' ? stdout : '';
  } catch (error) {
    throw toolError(tool, error);
  }
}

/**
 * Whether an error is what execa throws about a child. It is told by its name: its class would have to be loaded, and most
 * commands start no child.
 */
export function isChildError(error: unknown): error is ExecaError {
  return error instanceof Error && error.name === 'ExecaError';
}

/**
 * The command line of the tool that an error came from, as a shell would take it.
 * @returns `undefined` if neither it nor what is underneath it is a tool's
 */
export function failedCommand(error: unknown): string | undefined {
  if (isChildError(error)) return error.escapedCommand;
  return error instanceof Error ? failedCommand(error.cause) : undefined;
}

/** Turns what execa threw about a child into a message for a person; anything else passes through. */
export function toolError(tool: Tool, error: unknown): unknown {
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
  return childFailure(tool, {
    exitCode: error.exitCode,
    signal: error.signal,
    stderr,
    cause: error,
  });
}

/** How a program ended that failed. */
export interface ChildEnd {
  exitCode?: number | null | undefined;
  /** Name of the signal that ended it, if one did. */
  signal?: string | null | undefined;
  /** What it wrote to standard error. */
  stderr: string;
  cause: unknown;
}

/** A message for a person about a program that failed: a full disk as such, else how it ended and its last words. */
export function childFailure(
  name: string,
  { exitCode, signal, stderr, cause }: ChildEnd,
): BuildError {
  if (FULL_DISK.test(stderr)) {
    return new BuildError({
      what: `the disk is full: ${name} could not write its output`,
      fix: 'Free space where the image goes (--output) and in the cache (QUANTIX_CACHE).',
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
