/** How a command failed; `output` means that it wrote more than its limit. */
export type CommandFailure =
  | 'missing'
  | 'start'
  | 'exit'
  | 'signal'
  | 'timeout'
  | 'cancelled'
  | 'output';

/** Facts about a command that failed. */
export interface CommandErrorFacts {
  command: string;
  args: readonly string[];
  failure: CommandFailure;
  /** Exit status; `null` if it did not exit by itself. */
  exitCode?: number | null;
  /** Standard error; only the end of it, if it is long. */
  stderr?: string;
  /** Standard output, as far as it was read. */
  stdout?: string;
  /** Detail for the message: the reason for `start`, the signal's name for `signal`, the duration for `timeout`. */
  detail?: string;
  cause?: unknown;
}

/**
 * A command that could not be started, failed or was ended. `message` is one line for a person: the command's name and
 * the last lines of standard error, without its arguments.
 */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly command: string;
  readonly args: readonly string[];
  readonly failure: CommandFailure;
  readonly exitCode: number | null;
  readonly stderr: string;
  readonly stdout: string;

  constructor(facts: CommandErrorFacts) {
    super(`${facts.command} ${describeFailure(facts)}`, { cause: facts.cause });
    this.command = facts.command;
    this.args = facts.args;
    this.failure = facts.failure;
    this.exitCode = facts.exitCode ?? null;
    this.stderr = facts.stderr ?? '';
    this.stdout = facts.stdout ?? '';
  }
}

function describeFailure({
  failure,
  exitCode,
  stderr = '',
  detail = '',
}: CommandErrorFacts): string {
  switch (failure) {
    case 'missing':
      return 'is not installed';
    case 'start':
      return `could not be started: ${detail}`;
    case 'timeout':
      return `did not end within ${detail}`;
    case 'cancelled':
      return 'was cancelled';
    case 'output':
      return 'wrote more output than it may';
    case 'signal':
      return `was ended by ${detail}${lastWords(stderr)}`;
    case 'exit':
      return `exited with ${exitCode}${lastWords(stderr)}`;
  }
}

function lastWords(stderr: string): string {
  const lines = stderr.split('\n').map((line) => line.trim());
  const words = lines.filter((line) => line !== '').slice(-3);
  return words.length === 0 ? '' : `: ${words.join(' | ')}`;
}
