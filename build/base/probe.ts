import { TransferFailure } from '../cache/transfer-failure.ts';

/** Milliseconds in which a mirror that can be reached has begun to answer. */
const PATIENCE = 2_000;

/** Whether a file can be had at an address; nothing of it is kept. */
export async function canFetch(address: string): Promise<boolean> {
  // Loaded when it is needed: Node's own HTTP modules take some 30 ms.
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
