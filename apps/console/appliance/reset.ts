import { run } from '../../process/run.ts';

/** The program that resets a machine to its delivery state. */
const QX_RESET = '/usr/sbin/qx-reset';
/** Milliseconds that it may take; it writes and syncs a mark. */
const TIMEOUT = 30_000;

export interface ResetRequest {
  /** This machine's name, as the person typed it. */
  name: string;
  /** Whether the data disk is erased, too. */
  data: boolean;
}

/** Requests a factory reset at the next boot. @returns the program's output @throws CommandError */
export async function requestReset(
  { name, data }: ResetRequest,
  { signal, program = QX_RESET }: { signal: AbortSignal; program?: string },
): Promise<string> {
  const args = ['request', name, ...(data ? ['--data'] : [])];
  return await run(program, args, { timeout: TIMEOUT, signal });
}
