import type { Ending } from './child.ts';
import { CommandError, type CommandErrorFacts } from './command-error.ts';

/** Returns the error of a command that ended by itself; `undefined` if it succeeded. */
export function explainEnding(
  { exitCode, signal }: Ending,
  asked: Pick<CommandErrorFacts, 'command' | 'args' | 'stderr' | 'stdout'>,
): CommandError | undefined {
  if (signal !== null) return new CommandError({ ...asked, failure: 'signal', detail: signal });
  if (exitCode === 0) return undefined;
  return new CommandError({ ...asked, failure: 'exit', exitCode });
}
