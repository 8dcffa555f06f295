import { run } from '../../process/run.ts';

/**
 * The program that writes support bundles: a separate process, because it reads more than a console should hold in
 * memory.
 */
const QX_SUPPORT = '/usr/sbin/qx-support';
/** Milliseconds that it may take: it runs dozens of programs. */
const TIMEOUT = 180_000;

/** Writes the support bundle to a stick. @returns the program's output @throws CommandError */
export async function writeSupport(device: string, signal: AbortSignal): Promise<string> {
  return await run(QX_SUPPORT, ['write', '--to', device], { timeout: TIMEOUT, signal });
}
