import { ExecaError } from 'execa';
import { CommandError, type CommandErrorFacts } from './command-error.ts';

/** What is known of a command besides what execa threw. */
export type Asked = Pick<CommandErrorFacts, 'command' | 'args' | 'stderr'>;

/** Turns what execa threw about a command into a CommandError; anything else passes through. */
export function explain(error: unknown, asked: Asked): unknown {
  if (!(error instanceof ExecaError)) return error;
  const stderr = typeof error.stderr === 'string' ? error.stderr : asked.stderr;
  const facts = { ...asked, stderr: stderr ?? '', cause: error };
  if (error.isCanceled) return new CommandError({ ...facts, failure: 'cancelled' });
  if (error.isMaxBuffer) return new CommandError({ ...facts, failure: 'output' });
  if (error.code === 'ENOENT') return new CommandError({ ...facts, failure: 'missing' });
  if (error.signal !== undefined) {
    return new CommandError({ ...facts, failure: 'signal', detail: error.signal });
  }
  if (error.exitCode === undefined) {
    return new CommandError({ ...facts, failure: 'start', detail: error.code ?? error.message });
  }
  return new CommandError({ ...facts, failure: 'exit', exitCode: error.exitCode });
}
