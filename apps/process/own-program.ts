import { join } from 'node:path';
import { CommandError } from './command-error.ts';
import { runFully } from './run.ts';

/** Where the appliance's own programs are. */
const FOLDER = '/usr/sbin';

/** Milliseconds: a program may wait for another of its kind. */
const PATIENCE = 120_000;

/** A program of the appliance that does one thing and says what is to be minded. */
export interface OwnCommand {
  /** `qx-hostname`, say. */
  program: `qx-${string}`;
  args: readonly string[];
  /** Text for its standard input. */
  input?: string;
}

/** An appliance's program refused or failed. `message` is its own last line, for a person. */
export class OwnProgramError extends Error {
  override readonly name = 'OwnProgramError';
}

/**
 * Runs one of the appliance's programs.
 * @returns what it said, a line each, without its name: what it did and then what is to be minded
 * @throws OwnProgramError with its own words; CommandError if it could not be called or did not end in time
 */
export async function runOwnProgram(
  { program, args, input = '' }: OwnCommand,
  { signal, folder = FOLDER }: { signal?: AbortSignal; folder?: string } = {},
): Promise<string[]> {
  const linesOf = (text: string): string[] =>
    text
      .split('\n')
      .map((line) => (line.startsWith(`${program}: `) ? line.slice(program.length + 2) : line))
      .filter((line) => line.trim() !== '');
  try {
    const options = { timeout: PATIENCE, signal, input };
    const { stdout, stderr } = await runFully(join(folder, program), args, options);
    return [...linesOf(stdout), ...linesOf(stderr)];
  } catch (error) {
    if (!(error instanceof CommandError) || error.failure !== 'exit') throw error;
    throw new OwnProgramError(linesOf(error.stderr).at(-1) ?? error.message, { cause: error });
  }
}
