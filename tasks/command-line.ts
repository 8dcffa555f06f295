import yargs, { type Argv } from 'yargs';
import { BuildError } from '../build/error.ts';
import { apkTreeCommand } from './commands/apk-tree.ts';
import { cacheCommand } from './commands/cache.ts';
import { cleanCommand } from './commands/clean.ts';
import { configDriveCommand } from './commands/config-drive.ts';
import type { CommandContext } from './commands/context.ts';
import { controlplaneCommand } from './commands/controlplane.ts';
import { CommandExit, type CommandPaths, NO_PATHS } from './commands/define.ts';
import { dockerCommand } from './commands/docker.ts';
import { doctorCommand } from './commands/doctor.ts';
import { explainCommand } from './commands/explain.ts';
import { isoCommand } from './commands/iso.ts';
import { lockCommand } from './commands/lock.ts';
import { mirrorCommand } from './commands/mirror.ts';
import { qemuCommand } from './commands/qemu.ts';
import { rootfsCommand } from './commands/rootfs.ts';
import { solveCommand } from './commands/solve.ts';
import { versionCommand } from './commands/version.ts';
import { Interrupt } from './interrupt.ts';
import { explainMissingPackage } from './missing-package.ts';
import { commandOutput, type Output } from './ui/events.ts';

const COMMANDS = [
  isoCommand,
  lockCommand,
  mirrorCommand,
  rootfsCommand,
  explainCommand,
  qemuCommand,
  controlplaneCommand,
  dockerCommand,
  configDriveCommand,
  doctorCommand,
  cleanCommand,
  cacheCommand,
  solveCommand,
  apkTreeCommand,
  versionCommand,
];

/** Exit codes: a message said what is wrong, the words of the command line are wrong, a bug. */
const REFUSED = 1;
const USAGE = 2;
const BUG = 70;

/** Words of the command line that are wrong; told together with how to get help. */
class UsageError extends Error {}

/**
 * Runs a command line.
 * @param args what follows the program's name
 * @returns the exit code
 */
export async function main(args: readonly string[]): Promise<number> {
  const output = commandOutput({ json: args.includes('--json') });
  using interrupt = new Interrupt();
  try {
    await parser(args, { output, signal: interrupt.signal, findPaths }).parseAsync();
    return 0;
  } catch (error) {
    if (error instanceof CommandExit) return error.exitCode;
    if (interrupt.exitCode !== undefined) {
      process.stderr.write('Interrupted. Nothing half-made is left behind.\n');
      return interrupt.exitCode;
    }
    return report(explainMissingPackage(error) ?? error, output, args.includes('--verbose'));
  }
}

function parser(args: readonly string[], context: CommandContext): Argv {
  const line = yargs([...args])
    .scriptName('qx-build')
    .usage(
      'qx-build turns a profile into a bootable appliance ISO.\n\nqx-build <command> [options]',
    )
    .option('json', { type: 'boolean', global: true, describe: 'Print one event a line, as JSON' })
    .option('verbose', { type: 'boolean', global: true, describe: 'Show stack traces of errors' })
    .demandCommand(1, 'Which command?')
    .strict()
    .recommendCommands()
    .version(false)
    .wrap(Math.min(100, process.stdout.columns ?? 100))
    .exitProcess(false)
    .fail((message, error: unknown) => {
      throw error instanceof Error ? error : new UsageError(message);
    });
  for (const command of COMMANDS) command.register(line, context);
  return line;
}

/** See `CommandContext.findPaths`: what is wrong with the command line, the command says when it is run. */
export async function findPaths(args: readonly string[]): Promise<CommandPaths> {
  let found = NO_PATHS;
  const line = yargs([...args])
    .help(false)
    .version(false)
    .exitProcess(false)
    .fail((message, error: unknown) => {
      throw error instanceof Error ? error : new UsageError(message);
    });
  for (const command of COMMANDS) {
    command.registerPaths(line, (paths) => {
      found = paths;
    });
  }
  try {
    await line.parseAsync();
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
  }
  return found;
}

function report(error: unknown, output: Output, verbose: boolean): number {
  const expected = error instanceof BuildError || error instanceof UsageError;
  const message = error instanceof Error ? error.message : String(error);
  const stop = /[.?!]$/.test(message) ? '' : '.';
  const hint = error instanceof UsageError ? `${stop} See qx-build --help.` : '';
  output.emit({ event: 'error', message });
  process.stderr.write(`qx-build: ${message}${hint}\n`);
  if (verbose || !expected) process.stderr.write(`${stackOf(error)}\n`);
  if (error instanceof UsageError) return USAGE;
  return expected ? REFUSED : BUG;
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? '' : `\nCaused by: ${stackOf(error.cause)}`;
  return `${error.stack ?? error.message}${cause}`;
}
