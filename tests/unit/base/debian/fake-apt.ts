import { chmod, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { onTestFinished, vi } from 'vitest';
import { temporaryFolder } from '../../folder.ts';

/**
 * Programs in place of apt-get and apt-cache until the test is over.
 * @param cases pattern of a shell's `case` for all arguments, with a blank at both ends → what the shell does
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
