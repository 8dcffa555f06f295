import { onTestFinished } from 'vitest';
import { createConsoleProgram } from '../../../../apps/console/console.ts';
import type { Deps } from '../../../../apps/console/deps.ts';
import type { Size } from '../../../../apps/console/kit/frame.ts';
import { runProgram } from '../../../../apps/console/kit/run.ts';
import { FakeTerminal } from '../../../screens/terminal.ts';

/** A console that runs on an emulated terminal until the test ends. */
export function runConsole(
  deps: Deps,
  size: Size = { columns: 80, rows: 24 },
): { terminal: FakeTerminal; ended: Promise<number> } {
  const terminal = new FakeTerminal(size);
  const ending = new AbortController();
  const ended = runProgram(createConsoleProgram('Quantix-OS', deps), terminal, ending.signal);
  onTestFinished(async () => {
    ending.abort();
    await ended.catch(() => undefined);
  });
  return { terminal, ended };
}
