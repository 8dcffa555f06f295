import { run } from '../../process/run.ts';

/** Runs in a process of its own: it reads more than a console should hold in memory. */
const QX_SUPPORT = '/usr/sbin/qx-support';
/** In milliseconds: it runs dozens of programs. */
const TIMEOUT = 180_000;

/** Writes the support bundle to a stick. @returns the program's output @throws CommandError */
export async function writeSupport(device: string, signal: AbortSignal): Promise<string> {
  return await run(QX_SUPPORT, ['write', '--to', device], { timeout: TIMEOUT, signal });
}
