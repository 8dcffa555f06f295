import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs';
import type { CommandContext } from './context.ts';

/** A command of `qx-build`, with the types of its options. */
export interface CommandDefinition<Options> {
  /** Name and positional arguments, as yargs writes them. */
  command: string;
  describe: string;
  builder: (yargs: Argv) => Argv<Options>;
  handler: (options: ArgumentsCamelCase<Options>, context: CommandContext) => Promise<void>;
}

/** A command that waits for its context; yargs knows it by what `register` adds. */
export interface Command {
  register(yargs: Argv, context: CommandContext): void;
}

/** Makes a command of a definition. */
export function defineCommand<Options>(definition: CommandDefinition<Options>): Command {
  return {
    register: (yargs, context) => {
      const module: CommandModule<object, Options> = {
        command: definition.command,
        describe: definition.describe,
        builder: definition.builder,
        handler: (options) => definition.handler(options, context),
      };
      yargs.command(module);
    },
  };
}

/** Thrown by a command that ends with an exit code of its own, after everything about it has been told. */
export class CommandExit extends Error {
  readonly exitCode: number;

  constructor(exitCode: number) {
    super(`exit code ${exitCode}`);
    this.name = 'CommandExit';
    this.exitCode = exitCode;
  }
}
