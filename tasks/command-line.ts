import yargs, { type Argv } from 'yargs';
import { ExplainedError } from '../build/explained-error.ts';
import { findFailedCommand } from '../build/process/run.ts';
import { formatStack, logOf } from './build-log.ts';
import {
  type Command,
  type CommandContext,
  CommandExit,
  type CommandPaths,
  NO_PATHS,
} from './commands/define.ts';
import { COMPLETION_WORD, completeWords, separateValues } from './completion.ts';
import { Interrupt } from './interrupt.ts';
import { explainMissingPackage } from './missing-package.ts';
import { PROJECT } from './project.ts';
import { makeCommandOutput, type Output } from './ui/events.ts';
import { placeIn } from './ui/place.ts';

/** Commands by name, in the order of the help; each is loaded on use. */
const COMMANDS: ReadonlyMap<string, () => Promise<Command>> = new Map([
  ['iso', async () => (await import('./commands/iso.ts')).isoCommand],
  ['lock', async () => (await import('./commands/lock.ts')).lockCommand],
  ['mirror', async () => (await import('./commands/mirror.ts')).mirrorCommand],
  ['rootfs', async () => (await import('./commands/rootfs.ts')).rootfsCommand],
  ['diff', async () => (await import('./commands/diff.ts')).diffCommand],
  ['report', async () => (await import('./commands/report.ts')).reportCommand],
  ['annotate', async () => (await import('./commands/annotate.ts')).annotateCommand],
  ['show', async () => (await import('./commands/show.ts')).showCommand],
  ['explain', async () => (await import('./commands/explain.ts')).explainCommand],
  ['qemu', async () => (await import('./commands/qemu.ts')).qemuCommand],
  ['controlplane', async () => (await import('./commands/controlplane.ts')).controlplaneCommand],
  ['demo', async () => (await import('./commands/demo.ts')).demoCommand],
  ['docker', async () => (await import('./commands/docker.ts')).dockerCommand],
  ['config-drive', async () => (await import('./commands/config-drive.ts')).configDriveCommand],
  ['answer', async () => (await import('./commands/answer.ts')).answerCommand],
  ['key', async () => (await import('./commands/key.ts')).keyCommand],
  ['agent', async () => (await import('./commands/agent.ts')).agentCommand],
  ['release', async () => (await import('./commands/release.ts')).releaseCommand],
  ['rebuild', async () => (await import('./commands/rebuild.ts')).rebuildCommand],
  ['release-tree', async () => (await import('./commands/release-tree.ts')).releaseTreeCommand],
  ['sign', async () => (await import('./commands/sign.ts')).signCommand],
  ['verify', async () => (await import('./commands/verify.ts')).verifyCommand],
  ['advisories', async () => (await import('./commands/advisories.ts')).advisoriesCommand],
  ['provenance', async () => (await import('./commands/provenance.ts')).provenanceCommand],
  ['licenses', async () => (await import('./commands/licenses.ts')).licensesCommand],
  ['completion', async () => (await import('./commands/completion.ts')).completionCommand],
  ['doctor', async () => (await import('./commands/doctor.ts')).doctorCommand],
  ['clean', async () => (await import('./commands/clean.ts')).cleanCommand],
  ['cache', async () => (await import('./commands/cache.ts')).cacheCommand],
  ['apk', async () => (await import('./commands/apk.ts')).apkCommand],
]);

/**
 * Returns the command that a command line names; if it names none, returns all, to list them or to suggest a similar
 * one.
 */
async function commandsFor(words: readonly string[]): Promise<Command[]> {
  const name = words.find((word) => word === '--' || !word.startsWith('-')) ?? '';
  const asked = COMMANDS.get(name);
  const loaders = asked === undefined ? [...COMMANDS.values()] : [asked];
  return Promise.all(loaders.map((load) => load()));
}

/**
 * Removes a `--` before the command: yargs does not look for a command after `--`, and does nothing, without a message.
 */
function dropSeparator(words: readonly string[]): readonly string[] {
  const at = words.findIndex((word) => word === '--' || !word.startsWith('-'));
  return words[at] === '--' ? words.toSpliced(at, 1) : words;
}

/** Exit codes: an error was reported; the command line is wrong; a bug. */
const REFUSED = 1;
const USAGE = 2;
const BUG = 70;

/** A mistake in the command line; reported with a hint on how to get help. */
class UsageError extends Error {}

/**
 * Runs a command line.
 * @param words arguments after the program's name
 * @returns the exit code
 */
export async function main(words: readonly string[]): Promise<number> {
  const args = dropSeparator(words);
  const output = makeCommandOutput({ json: args.includes('--json') });
  using interrupt = new Interrupt();
  try {
    if (args[0] === COMPLETION_WORD) {
      await complete(args.slice(2), { output, signal: interrupt.signal, findPaths });
      return 0;
    }
    if (asksForVersion(args)) {
      const { printVersion } = await import('./builder-version.ts');
      await printVersion(PROJECT, output);
      return 0;
    }
    const context = { output, signal: interrupt.signal, findPaths };
    await parser(args, { context, commands: await commandsFor(args) }).parseAsync();
    return 0;
  } catch (error) {
    if (error instanceof CommandExit && error.cause === undefined) return error.exitCode;
    if (interrupt.exitCode !== undefined) {
      process.stderr.write('Interrupted. Nothing half-made is left behind.\n');
      return interrupt.exitCode;
    }
    const cause = error instanceof CommandExit ? error.cause : error;
    const exitCode = report(explainMissingPackage(cause) ?? cause, {
      ...{ output, verbose: args.includes('--verbose'), log: logOf(cause) },
    });
    return error instanceof CommandExit ? error.exitCode : exitCode;
  }
}

/** Prints the completions of the last word, one per line. */
async function complete(line: readonly string[], context: CommandContext): Promise<void> {
  const { words, prefix } = separateValues(line);
  const commands = await commandsFor(words.slice(0, -1));
  const args = [COMPLETION_WORD, 'qx-build', ...words];
  const { listProfileNames } = await import('../build/profile/load.ts');
  const values = new Map([['--profile', () => listProfileNames(PROJECT)]]);
  await completeWords(parser(args, { context, commands }), { words, prefix, values }).parseAsync();
}

/**
 * Whether a command line asks for help. yargs would format the help for every command line, but it is rarely shown and
 * takes time.
 */
function asksForHelp(args: readonly string[]): boolean {
  return args.includes('--help') || args.includes('help');
}

/** Whether the version is asked for, either before any command or after one. */
function asksForVersion(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  return args.slice(0, end < 0 ? undefined : end).includes('--version');
}

function parser(
  args: readonly string[],
  { context, commands }: { context: CommandContext; commands: readonly Command[] },
): Argv {
  const line = yargs([...args])
    .scriptName('qx-build')
    .version(false)
    .usage(
      'qx-build turns a profile into a bootable appliance ISO.\n\nqx-build <command> [options]',
    )
    .option('json', { type: 'boolean', global: true, describe: 'Print one event a line, as JSON' })
    .option('verbose', {
      type: 'boolean',
      global: true,
      describe: 'Show the command line of a tool that failed, and stack traces of errors',
    })
    .option('version', {
      type: 'boolean',
      global: true,
      describe: 'Say which version and commit of the builder this is',
    })
    .demandCommand(1, 'Which command?')
    .strict()
    .recommendCommands()
    .wrap(asksForHelp(args) ? Math.min(100, process.stdout.columns ?? 100) : null)
    .exitProcess(false)
    .fail((message, error: unknown) => {
      throw error instanceof Error ? error : new UsageError(message);
    });
  for (const command of commands) command.register(line, context);
  return line;
}

/**
 * Finds the paths in a command line; see `CommandContext.findPaths`. Mistakes in it are not reported here, but when it
 * runs.
 */
export async function findPaths(words: readonly string[]): Promise<CommandPaths> {
  const args = dropSeparator(words);
  let found = NO_PATHS;
  const line = yargs([...args])
    .help(false)
    .version(false)
    .exitProcess(false)
    .fail((message, error: unknown) => {
      throw error instanceof Error ? error : new UsageError(message);
    });
  for (const command of await commandsFor(args)) {
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

/** How `report` prints an error. */
interface ErrorOutput {
  output: Output;
  verbose: boolean;
  /** File with the output of the tools that ran before. */
  log: string | undefined;
}

function report(error: unknown, { output, verbose, log }: ErrorOutput): number {
  const expected = error instanceof ExplainedError || error instanceof UsageError;
  const message = error instanceof Error ? error.message : String(error);
  const stop = /[.?!]$/.test(message) ? '' : '.';
  const hint = error instanceof UsageError ? `${stop} See qx-build --help.` : '';
  const said = log === undefined ? '' : `${stop} What its tools said is in ${log}.`;
  const where = error instanceof ExplainedError ? error.where : undefined;
  output.emit({ event: 'error', message, log, ...(where && placeIn(PROJECT, where)) });
  process.stderr.write(`qx-build: ${message}${hint}${said}\n`);
  const command = verbose ? findFailedCommand(error) : undefined;
  if (command !== undefined) process.stderr.write(`Command: ${command}\n`);
  if (verbose || !expected) process.stderr.write(`${formatStack(error)}\n`);
  if (error instanceof UsageError) return USAGE;
  return expected ? REFUSED : BUG;
}
