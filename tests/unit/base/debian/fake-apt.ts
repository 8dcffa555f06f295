import { chmod, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { onTestFinished, vi } from 'vitest';
import { temporaryFolder } from '../../folder.ts';

/**
 * Replaces apt-get and apt-cache by shell scripts until the test is over.
 * @param cases pattern of the shell's `case` → what the script does if the pattern matches its arguments, which are
 *   joined by blanks and have one at both ends
 */
export async function putAptOnPath(cases: Readonly<Record<string, string>>): Promise<void> {
  const programs = await temporaryFolder();
  const lines = Object.entries(cases).map(([pattern, action]) => `${pattern}) ${action} ;;\n`);
  for (const name of ['apt-get', 'apt-cache']) {
    await writeFile(join(programs, name), `#!/bin/sh\ncase " $* " in\n${lines.join('')}esac\n`);
    await chmod(join(programs, name), 0o755);
  }
  vi.stubEnv('PATH', `${programs}${delimiter}${process.env.PATH}`);
  onTestFinished(() => void vi.unstubAllEnvs());
}

/** Returns shell text that prints a text. */
export function printing(text: string): string {
  return `printf %s '${text.replaceAll("'", `'"'"'`)}'`;
}
