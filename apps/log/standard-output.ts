import { writeSync } from 'node:fs';

/** File descriptor of standard output. */
const STANDARD_OUTPUT = 1;

/**
 * Writes a line to standard output synchronously, so that no line is lost if the program exits immediately. The line is
 * dropped if nobody reads it or the pipe is full: a log must not stop its program.
 */
export function writeToStandardOutput(line: string): void {
  try {
    writeSync(STANDARD_OUTPUT, `${line}\n`);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : '';
    if (code !== 'EPIPE' && code !== 'EAGAIN' && code !== 'EIO') throw error;
  }
}
