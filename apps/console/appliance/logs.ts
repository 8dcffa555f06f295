import { run } from '../../process/run.ts';
import { type KernelMessage, parseKernelLog, warningsOf } from './kernel-log.ts';

/** Lines of a log that are kept. */
const MOST_LINES = 2_000;

/** Milliseconds. */
const TIMEOUT = 10_000;

/** The last lines of the system log, oldest first: busybox's ring in memory. @throws CommandError */
export async function readSystemLog(signal: AbortSignal): Promise<string[]> {
  const text = await run('logread', [], { timeout: TIMEOUT, signal });
  return text.split('\n').slice(-MOST_LINES);
}

/** The last lines of the kernel's log, oldest first. @throws CommandError */
export async function readKernelLog(signal: AbortSignal): Promise<string[]> {
  return textsOf(await kernelMessages(signal));
}

/** Those that are warnings, errors or worse. @throws CommandError */
export async function readKernelWarnings(signal: AbortSignal): Promise<string[]> {
  return textsOf(warningsOf(await kernelMessages(signal)));
}

async function kernelMessages(signal: AbortSignal): Promise<KernelMessage[]> {
  return parseKernelLog(await run('dmesg', ['-r'], { timeout: TIMEOUT, signal }));
}

function textsOf(messages: readonly KernelMessage[]): string[] {
  return messages.slice(-MOST_LINES).map(({ text }) => text);
}
