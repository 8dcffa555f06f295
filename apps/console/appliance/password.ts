import { CommandError } from '../../process/command-error.ts';
import { run, runFully } from '../../process/run.ts';
import type { PasswordState } from '../deps.ts';

/** The program that manages root's password; it reads passwords from standard input. */
export const QX_PASSWORD = '/usr/sbin/qx-password';

/** Milliseconds that the program may take: hashing is slow on purpose. */
const TIMEOUT = 60_000;

/**
 * Milliseconds that a check may take: after wrong passwords, it waits for up to half a minute, and for checks on other
 * consoles.
 */
const CHECK_TIMEOUT = 90_000;

/** Exit status of `check` for a password that is not root's. */
const WRONG = 1;

export interface PasswordOptions {
  signal: AbortSignal;
  /** Path of the program; QX_PASSWORD by default. */
  program?: string;
}

/** Returns whether root has a password. An unexpected answer counts as `set`. @throws CommandError */
export async function readPasswordState({
  signal,
  program = QX_PASSWORD,
}: PasswordOptions): Promise<PasswordState> {
  const answer = await run(program, ['status'], { timeout: TIMEOUT, signal });
  const closed = /^closed: (.*)/.exec(answer)?.[1];
  if (closed !== undefined) return { closed };
  return answer.trim() === 'empty' ? 'empty' : 'set';
}

/** Checks whether this is root's password. @throws CommandError if it cannot be checked */
export async function checkPassword(
  password: string,
  { signal, program = QX_PASSWORD }: PasswordOptions,
): Promise<boolean> {
  try {
    await run(program, ['check'], { timeout: CHECK_TIMEOUT, signal, input: `${password}\n` });
    return true;
  } catch (error) {
    const wrong = error instanceof CommandError && error.exitCode === WRONG;
    if (wrong && error.stderr.trim() === '') return false;
    throw error;
  }
}

/** Sets root's password. @returns warnings, one per line. @throws CommandError */
export async function setPassword(
  password: string,
  { signal, program = QX_PASSWORD }: PasswordOptions,
): Promise<string[]> {
  const input = `${password}\n`;
  const { stderr } = await runFully(program, ['set'], { timeout: TIMEOUT, signal, input });
  const lines = stderr.split('\n').map((line) => line.replace(/^qx-password: /, '').trim());
  return lines.filter((line) => line !== '');
}
