import { TransferFailure } from '../cache/transfer-failure.ts';

/** Milliseconds within which a reachable mirror begins to answer. */
const PATIENCE = 2_000;

/**
 * Whether a file can be fetched from an address; its content is discarded. False if no data arrive within two seconds.
 */
export async function canFetch(address: string): Promise<boolean> {
  // Loaded on use: Node's HTTP modules take about 30 ms.
  const { Transport } = await import('../cache/transport.ts');
  using transport = new Transport({ stallAfter: PATIENCE });
  const signal = AbortSignal.timeout(PATIENCE);
  try {
    const { bytes } = await transport.open(address, { from: 0, signal });
    for await (const _ of bytes) break;
    return true;
  } catch (error) {
    if (error instanceof TransferFailure || signal.aborted) return false;
    throw error;
  }
}
