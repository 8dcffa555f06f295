import { createInterface } from 'node:readline/promises';

/**
 * Asks a person for a line, on standard error.
 * @returns the line; `undefined` if there is no terminal, or the person typed Ctrl-C or Ctrl-D
 */
export async function askLine(question: string): Promise<string | undefined> {
  if (!process.stdin.isTTY) return undefined;
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await new Promise((resolve) => {
      lines.once('close', () => resolve(undefined));
      lines.once('SIGINT', () => lines.close());
      lines.question(question).then(resolve, () => resolve(undefined));
    });
  } finally {
    lines.close();
  }
}
