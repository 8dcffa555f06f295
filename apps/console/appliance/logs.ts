import { run } from '../../process/run.ts';
import { type KernelMessage, parseKernelLog, selectWarnings } from './kernel-log.ts';

/** Number of last lines of a log that are shown. */
const MOST_LINES = 2_000;

/** Milliseconds that reading a log may take. */
const TIMEOUT = 10_000;

/** Reads the last lines of the system log, oldest first, from busybox's buffer in memory. @throws CommandError */
export async function readSystemLog(signal: AbortSignal): Promise<string[]> {
  const text = await run('logread', [], { timeout: TIMEOUT, signal });
  return text.split('\n').slice(-MOST_LINES);
}

/** Reads the last lines of the kernel's log, oldest first. @throws CommandError */
export async function readKernelLog(signal: AbortSignal): Promise<string[]> {
  return textsOf(await kernelMessages(signal));
}

/** Reads the kernel's messages that are warnings, errors or worse. @throws CommandError */
export async function readKernelWarnings(signal: AbortSignal): Promise<string[]> {
  return textsOf(selectWarnings(await kernelMessages(signal)));
}

async function kernelMessages(signal: AbortSignal): Promise<KernelMessage[]> {
  return parseKernelLog(await run('dmesg', ['-r'], { timeout: TIMEOUT, signal }));
}

function textsOf(messages: readonly KernelMessage[]): string[] {
  return messages.slice(-MOST_LINES).map(({ text }) => text);
}
