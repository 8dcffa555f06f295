import { run } from '../../process/run.ts';
import type { LogSource } from '../deps.ts';
import { parseKernelLog, warningsOf } from './kernel-log.ts';

/** Lines of a log that are kept. */
const MOST_LINES = 2_000;

/** Milliseconds. */
const TIMEOUT = 10_000;

/**
 * The last lines of a log, oldest first: the system log is busybox's ring in memory.
 * @throws CommandError
 */
export async function readLog(source: LogSource, signal: AbortSignal): Promise<string[]> {
  const options = { timeout: TIMEOUT, signal };
  if (source === 'system') {
    const text = await run('logread', [], options);
    return text.split('\n').slice(-MOST_LINES);
  }
  const messages = parseKernelLog(await run('dmesg', ['-r'], options));
  const chosen = source === 'warnings' ? warningsOf(messages) : messages;
  return chosen.slice(-MOST_LINES).map(({ text }) => text);
}
