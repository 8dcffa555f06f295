import { type Network, networkSchema } from '../api/network.ts';
import { NetworkError, type QxNetworkOptions, runQxNetwork } from './qx-network.ts';

/** Milliseconds that a report may take; on a slow machine with many interfaces it takes a second or two. */
const PATIENCE = 20_000;

/**
 * Parses the output of `qx-network status --json`.
 * @throws NetworkError if it does not have that form
 */
export function parseStatus(text: string): Network {
  const parsed = networkSchema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = issue === undefined ? '' : `: ${issue.path.join('.')}: ${issue.message}`;
  throw new NetworkError(`qx-network status cannot be understood${where}`, { cause: parsed.error });
}

/** Reads the network's state from qx-network; it is not cached. */
export async function readNetwork(options: QxNetworkOptions = {}): Promise<Network> {
  const { stdout } = await runQxNetwork(['status', '--json'], { ...options, timeout: PATIENCE });
  return parseStatus(stdout);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new NetworkError('qx-network status did not write JSON', { cause: error });
  }
}
