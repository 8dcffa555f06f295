import { run } from '../../process/run.ts';

/** The program that takes a machine back to how it came. */
const QX_RESET = '/usr/sbin/qx-reset';
/** Milliseconds; it writes a mark, and syncs it. */
const TIMEOUT = 30_000;

export interface ResetRequest {
  /** This machine's name, as a person typed it. */
  name: string;
  /** Whether what is on the data disk goes, too. */
  data: boolean;
}

/** Has the next boot take the machine back to how it came. @returns what it says @throws CommandError */
export async function requestReset(
  { name, data }: ResetRequest,
  { signal, program = QX_RESET }: { signal: AbortSignal; program?: string },
): Promise<string> {
  const args = ['request', name, ...(data ? ['--data'] : [])];
  return await run(program, args, { timeout: TIMEOUT, signal });
}
