import { writeSync } from 'node:fs';

/** File descriptor of standard output. */
const STANDARD_OUTPUT = 1;

/**
 * Writes a line to standard output at once, so that none is lost when the program ends on the spot. Where nobody reads
 * any more, or not now, the line is let go: a log must not stop what it tells of.
 */
export function writeToStandardOutput(line: string): void {
  try {
    writeSync(STANDARD_OUTPUT, `${line}\n`);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : '';
    if (code !== 'EPIPE' && code !== 'EAGAIN' && code !== 'EIO') throw error;
  }
}
