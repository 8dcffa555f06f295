import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { messageOf } from '../error.ts';
import { VERSION } from '../version.ts';
import { getErrorCode } from './code-of.ts';

/** The command line is wrong. */
export class UsageError extends Error {}

/** Options that every program has. */
const COMMON = {
  help: { type: 'boolean', short: 'h', default: false },
  version: { type: 'boolean', default: false },
} as const;

type Values<Options extends ParseArgsOptionsConfig> = ReturnType<
  typeof parseArgs<{ args: string[]; allowPositionals: true; options: Options }>
>['values'];

/** A program that is called with a command, its operands, and options. */
export interface CommandLine<Options extends ParseArgsOptionsConfig> {
  /** Name of the program. */
  readonly program: string;
  readonly help: string;
  /** Its options besides `--help` and `--version`. */
  readonly options: Options;
  /** Distinguishes errors whose message is for the operator from bugs. */
  readonly isExplained: (error: unknown) => error is Error;
  /**
   * Runs a command.
   * @param words the command, undefined if there is none, and its operands
   * @returns exit status
   * @throws UsageError, and errors that are explained
   */
  readonly run: (
    words: { command: string | undefined; operands: readonly string[] },
    values: Values<Options>,
  ) => Promise<number>;
}

/**
 * Runs a program with its command line.
 * @param args arguments after the program's name
 * @returns exit status: 0, 1 for an explained error, 2 for wrong usage
 */
export async function runCommandLine<Options extends ParseArgsOptionsConfig>(
  { program, help, options, isExplained, run }: CommandLine<Options>,
  args: string[],
): Promise<number> {
  try {
    const parsed = parse(args, { ...options, ...COMMON });
    // TypeScript cannot infer the values of options that are a type parameter.
    const values = parsed.values as Values<Options> & Values<typeof COMMON>;
    if (values.help) return print(help);
    if (values.version) return print(`${VERSION}\n`);
    const [command, ...operands] = parsed.positionals;
    return await run({ command, operands }, values);
  } catch (error) {
    if (isExplained(error)) return complain(program, error.message, 1);
    if (error instanceof UsageError) {
      return complain(program, `${error.message}; see ${program} --help`, 2);
    }
    throw error;
  }
}

function parse<Options extends ParseArgsOptionsConfig>(args: string[], options: Options) {
  try {
    return parseArgs({ args, allowPositionals: true, options });
  } catch (error) {
    throw new UsageError(messageOf(error));
  }
}

/** Refuses a command line whose command is missing (`undefined`) or does not exist. @throws UsageError saying which */
export function refuseCommand(command: string | undefined): never {
  if (command === undefined) throw new UsageError('a command is missing');
  throw new UsageError(`there is no command ${JSON.stringify(command)}`);
}

/** Checks the number of operands. @throws UsageError if there are fewer or more than a command takes */
export function expectOperands(operands: readonly string[], least = 0, most = least): void {
  if (operands.length < least) throw new UsageError('an argument is missing');
  const [tooMuch] = operands.slice(most);
  if (tooMuch !== undefined)
    throw new UsageError(`${JSON.stringify(tooMuch)} is one argument too many`);
}

/** Prints a text to standard output. @returns exit status 0 */
export function print(text: string): number {
  const { stdout } = process;
  if (stdout.listenerCount('error') === 0) stdout.on('error', endUnwritten);
  stdout.write(text);
  return 0;
}

/**
 * Handles an error of standard output. It is not a failure if the reader has ended, as `head` does; any other error,
 * such as a full disk, is reported, and ends the program with status 1.
 */
export function endUnwritten(error: Error): void {
  if (getErrorCode(error) === 'EPIPE') return;
  process.stderr.write(`the output cannot be written: ${messageOf(error)}\n`);
  process.exit(1);
}

function complain(program: string, what: string, exitStatus: number): number {
  process.stderr.write(`${program}: ${what}\n`);
  return exitStatus;
}

/** Returns a signal that is aborted by SIGTERM and SIGINT. */
export function createEndingSignal(): AbortSignal {
  const ending = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => ending.abort());
  return ending.signal;
}
