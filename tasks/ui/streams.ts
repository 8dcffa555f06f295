import { errorCode } from '../../build/process/errno.ts';

/** Columns of a terminal that does not say how many it has, as serial lines and some pseudo-terminals do. */
const COLUMNS = 80;

/** Codes of a write to a pipe that nobody reads any more, and to a terminal that was closed. */
const NOBODY_READS = ['EPIPE', 'EIO'];

/**
 * Prepares standard output and error: work goes on when their reader leaves (`make iso | head -1`, a terminal that
 * was closed), and a terminal without a width counts as 80 columns wide.
 */
export function prepareStreams(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error) => {
      if (!NOBODY_READS.includes(errorCode(error) ?? '')) throw error;
    });
    if (stream.isTTY && stream.columns === 0) stream.columns = COLUMNS;
  }
}
