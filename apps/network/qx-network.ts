import { CommandError } from '../process/command-error.ts';
import { type Output, type RunOptions, runFully } from '../process/run.ts';

/** The program that configures the network. */
export const QX_NETWORK = '/usr/sbin/qx-network';

/** Milliseconds that a cancelled change may take to restore the previous configuration. */
const ROLL_BACK = 20_000;

/** How qx-network is called. */
export interface QxNetworkOptions {
  signal?: AbortSignal | undefined;
  /** Path of qx-network; QX_NETWORK if absent. */
  program?: string;
}

/** qx-network refused or failed. `message` is its own message for a person, one line. */
export class NetworkError extends Error {
  override readonly name = 'NetworkError';
}

/**
 * Runs qx-network.
 * @throws NetworkError with qx-network's message; CommandError if it cannot be called or does not end in time
 */
export async function runQxNetwork(
  args: readonly string[],
  { program = QX_NETWORK, ...options }: QxNetworkOptions & Omit<RunOptions, 'signal'>,
): Promise<Output> {
  try {
    return await runFully(program, args, { forceKillAfter: ROLL_BACK, ...options });
  } catch (error) {
    if (!(error instanceof CommandError) || error.failure !== 'exit') throw error;
    const [words] = listComplaints(error.stderr).slice(-1);
    if (words === undefined) throw error;
    throw new NetworkError(words, { cause: error });
  }
}

/** Returns the lines that qx-network wrote to standard error, without its name. */
export function listComplaints(stderr: string): string[] {
  const lines = stderr.split('\n').map((line) => line.replace(/^qx-network: /, '').trim());
  return lines.filter((line) => line !== '');
}
