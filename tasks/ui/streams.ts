import { errorCode } from '../../build/process/errno.ts';

/** Width of terminals that do not report one, such as serial lines and some pseudo-terminals. */
const COLUMNS = 80;

/** Error codes (errno(3)) of writes to a pipe without a reader, and to a closed terminal. */
const NOBODY_READS = ['EPIPE', 'EIO'];

/**
 * Prepares standard output and error: the program continues when their reader ends (`make iso | head -1`, a closed
 * terminal), and a terminal without a width counts as 80 columns wide.
 */
export function prepareStreams(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error) => {
      if (!NOBODY_READS.includes(errorCode(error) ?? '')) throw error;
    });
    if (stream.isTTY && stream.columns === 0) stream.columns = COLUMNS;
  }
}
