import { join } from 'node:path';
import { execa } from 'execa';
import { splitLines } from '../../../apps/process/stream-lines.ts';
import type { Machine } from './machine.ts';

/** A program of the host that runs in a machine's network, until it is disposed of. */
export interface Program extends AsyncDisposable {
  /** Reads the program's output up to this line. */
  until(wanted: string): Promise<void>;
}

/** Starts one of the scripts in this folder; the script ends when its standard input is closed. */
export function startProgram(machine: Machine, script: string, ...args: string[]): Program {
  const spaces = ['--net', '--mount', '--pid', '--uts', '--target', String(machine.pid)];
  const words = [process.execPath, join(import.meta.dirname, script), ...args];
  const child = execa('nsenter', [...spaces, '--', ...words], {
    buffer: false,
    reject: false,
    stderr: 'inherit',
  });
  const lines = splitLines(child.stdout.setEncoding('utf8'));
  return {
    until: async (wanted) => {
      const seen: string[] = [];
      for (;;) {
        const { value, done } = await lines.next();
        if (done) throw new Error(`it ended before ${wanted}: ${seen.join(' ')}`);
        if (value === wanted) return;
        seen.push(value);
      }
    },
    [Symbol.asyncDispose]: async () => {
      child.stdin.end();
      for await (const _line of lines);
      const { exitCode } = await child;
      if (exitCode !== 0) throw new Error(`${script} ended with ${exitCode}`);
    },
  };
}
