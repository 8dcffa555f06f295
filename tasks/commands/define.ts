import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs';
import type { Output } from '../ui/events.ts';

/** What every command receives besides its options. */
export interface CommandContext {
  output: Output;
  /** Aborted by Ctrl-C. */
  signal: AbortSignal;
  /** Returns the paths that a command line names; none if the command refuses the command line. */
  findPaths: (args: readonly string[]) => Promise<CommandPaths>;
}

/** Paths on the host that were given to a command, as written. */
export interface CommandPaths {
  /** Files and folders that it reads. */
  reads: readonly string[];
  /** Folders that it writes to; it creates missing ones. */
  writes: readonly string[];
}

/** A command of `qx-build`, with the types of its options. */
export interface CommandDefinition<Options> {
  /** Name and positional arguments, in the syntax of yargs. */
  command: string;
  describe: string;
  builder: (yargs: Argv) => Argv<Options>;
  /** Returns the paths in its options, which are mounted if it runs in a container. */
  paths: (options: ArgumentsCamelCase<Options>) => CommandPaths;
  handler: (options: ArgumentsCamelCase<Options>, context: CommandContext) => Promise<void>;
}

export const NO_PATHS: CommandPaths = { reads: [], writes: [] };

/** A command without its context; `register…` adds it to yargs. */
export interface Command {
  /** Adds the command to yargs so that it runs. */
  register(yargs: Argv, context: CommandContext): void;
  /** Adds the command to yargs so that it is only parsed: instead of running, it passes on the paths in its options. */
  registerPaths(yargs: Argv, tell: (paths: CommandPaths) => void): void;
}

/** Makes a command from its definition. */
export function defineCommand<Options>(definition: CommandDefinition<Options>): Command {
  const { command, describe, builder, paths, handler } = definition;
  const add = (yargs: Argv, run: CommandModule<object, Options>['handler']) =>
    yargs.command<Options>({ command, describe, builder, handler: run });
  return {
    register: (yargs, context) => void add(yargs, (options) => handler(options, context)),
    registerPaths: (yargs, tell) => void add(yargs, (options) => tell(paths(options))),
  };
}

/** Combines several commands into one: the first word after its name selects the command. */
export function defineGroup({
  command,
  describe,
  commands,
}: {
  command: string;
  describe: string;
  commands: readonly Command[];
}): Command {
  const add = (yargs: Argv, addEach: (inner: Argv, one: Command) => void) =>
    yargs.command(command, describe, (inner) => {
      for (const one of commands) addEach(inner, one);
      return inner.demandCommand(1, `Which command of ${command}?`);
    });
  return {
    register: (yargs, context) => void add(yargs, (inner, one) => one.register(inner, context)),
    registerPaths: (yargs, tell) => void add(yargs, (inner, one) => one.registerPaths(inner, tell)),
  };
}

/** Returns a check for yargs that no option of these is given twice; yargs turns a repeated option into a list. */
export function requireOnce(
  ...names: string[]
): (options: Record<string, unknown>) => true | string {
  return (options) => {
    const twice = names.find((name) => Array.isArray(options[name]));
    return twice === undefined ? true : `--${twice} may be given once`;
  };
}

/** Adds the option of all commands that use the cache: its folder, for `openCache`. */
export function cacheOption<T>(yargs: Argv<T>) {
  return yargs
    .option('cache-dir', {
      type: 'string',
      describe: 'Folder of the cache',
      defaultDescription: '$QUANTIX_CACHE, else quantix in the cache folder of the user',
    })
    .check(requireOnce('cache-dir'));
}

/** Thrown by a command that ends with its own exit code. */
export class CommandExit extends Error {
  readonly exitCode: number;

  /** @param options `cause` is an error that is still to be printed; without it nothing more is printed */
  constructor(exitCode: number, options?: { cause: unknown }) {
    super(`exit code ${exitCode}`, options);
    this.name = 'CommandExit';
    this.exitCode = exitCode;
  }
}
