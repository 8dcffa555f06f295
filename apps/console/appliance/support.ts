import { run } from '../../process/run.ts';

/** In a process of its own: what it reads is more than a console is to keep in memory. */
const QX_SUPPORT = '/usr/sbin/qx-support';
/** Milliseconds: dozens of programs are asked. */
const TIMEOUT = 180_000;

/** Writes the support bundle to a stick. @returns what it says @throws CommandError */
export async function writeSupport(device: string, signal: AbortSignal): Promise<string> {
  return await run(QX_SUPPORT, ['write', '--to', device], { timeout: TIMEOUT, signal });
}
