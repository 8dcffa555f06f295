import { createConsoleProgram } from './console.ts';
import type { Deps } from './deps.ts';
import { runProgram } from './kit/run.ts';

/** Signals that end a console in an orderly way. */
const ENDINGS = ['SIGTERM', 'SIGHUP', 'SIGINT'] as const;

/** Exit status for wrong usage: no terminal, or an unexpected argument. */
const USAGE = 2;

/** Description of a console program. */
export interface ConsoleCall {
  /** For example `qx-console`. */
  name: string;
  /** Product name, shown until the host's is known. */
  product: string;
  args: readonly string[];
  deps: () => Deps;
}

/**
 * Runs a console on this process's terminal.
 * @returns exit status: see `exit-status.ts`; 1 after a crash, which is reported on standard error
 */
export async function runConsole({ name, product, args, deps }: ConsoleCall): Promise<number> {
  const { stdin: input, stdout: output, stderr } = process;
  if (args.length > 0 || !input.isTTY || !output.isTTY) {
    stderr.write(`usage: ${name}   (on a terminal; console-launch runs it)\n`);
    return USAGE;
  }
  const ending = new AbortController();
  const end = () => ending.abort();
  for (const signal of ENDINGS) process.on(signal, end);
  try {
    const program = createConsoleProgram(product, deps());
    return await runProgram(program, { input, output }, ending.signal);
  } catch (error) {
    stderr.write(`${name}: ${error instanceof Error ? error.stack : String(error)}\n`);
    return 1;
  } finally {
    for (const signal of ENDINGS) process.off(signal, end);
  }
}
