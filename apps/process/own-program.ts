import { join } from 'node:path';
import { CommandError } from './command-error.ts';
import { runFully } from './run.ts';

/** Folder of the appliance's own programs. */
const FOLDER = '/usr/sbin';

/** Milliseconds that a program may take: it may wait for another run of itself. */
const PATIENCE = 120_000;

/** One of the appliance's own programs, with its arguments. */
export interface OwnCommand {
  /** Name, such as `qx-hostname`. */
  program: `qx-${string}`;
  args: readonly string[];
  /** Text for its standard input. */
  input?: string;
}

/** One of the appliance's programs refused or failed. `message` is the last line that it wrote, for a person. */
export class OwnProgramError extends Error {
  override readonly name = 'OwnProgramError';
}

/**
 * Runs one of the appliance's programs.
 * @returns the lines that it wrote, without the prefix of its name: those of standard output, then the warnings on
 *   standard error
 * @throws OwnProgramError with the program's message; CommandError if it cannot be called or does not end in time
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
