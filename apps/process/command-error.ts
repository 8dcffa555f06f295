/** How a command came to a bad end; `output` is: it wrote more than it may. */
export type CommandFailure =
  | 'missing'
  | 'start'
  | 'exit'
  | 'signal'
  | 'timeout'
  | 'cancelled'
  | 'output';

/** What is known of a command that came to a bad end. */
export interface CommandErrorFacts {
  command: string;
  args: readonly string[];
  failure: CommandFailure;
  /** `null` if it did not exit by itself. */
  exitCode?: number | null;
  /** What it wrote to standard error; the end of it, if it was much. */
  stderr?: string;
  /** What it wrote to standard output before it exited. */
  stdout?: string;
  /** Completes the message of `start` (why), `signal` (its name) and `timeout` (how long). */
  detail?: string;
  cause?: unknown;
}

/**
 * A command that could not be started, ended badly or was ended. `message` is one line for a person: the command's name
 * and its last words, without its arguments.
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
    super(`${facts.command} ${whatItDid(facts)}`, { cause: facts.cause });
    this.command = facts.command;
    this.args = facts.args;
    this.failure = facts.failure;
    this.exitCode = facts.exitCode ?? null;
    this.stderr = facts.stderr ?? '';
    this.stdout = facts.stdout ?? '';
  }
}

function whatItDid({ failure, exitCode, stderr = '', detail = '' }: CommandErrorFacts): string {
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
      return 'wrote more than it may';
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
