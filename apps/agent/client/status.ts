import { type Health, healthSchema } from '../../api/health.ts';
import { type Host, hostSchema } from '../../api/host.ts';
import { type Network, networkSchema } from '../../api/network.ts';
import { type Pool, poolsSchema } from '../../api/storage.ts';
import { type Vms, vmsSchema } from '../../api/vms.ts';
import { AgentError, ask, type Question } from './ask.ts';

/** What the agent told; where it could not, why. */
export interface Status {
  health: Health;
  host: Told<Host>;
  network: Told<Network>;
  vms: Told<Vms>;
  pools: Told<readonly Pool[]>;
}

/** An answer, or the reason why there is none. */
export type Told<Value> = { value: Value } | { problem: string };

/**
 * Asks the agent for all that it knows.
 * @throws AgentError if it does not say how it fares
 */
export async function readStatus(socket: string): Promise<Status> {
  const health = await ask({ socket, path: '/healthz', schema: healthSchema });
  const [host, network, vms, pools] = await Promise.all([
    told({ socket, path: '/v1/host', schema: hostSchema }),
    told({ socket, path: '/v1/network', schema: networkSchema }),
    told({ socket, path: '/v1/vms', schema: vmsSchema }),
    told({ socket, path: '/v1/storage-pools', schema: poolsSchema }),
  ]);
  return { health, host, network, vms, pools };
}

async function told<Value>(question: Question<Value>): Promise<Told<Value>> {
  try {
    return { value: await ask(question) };
  } catch (error) {
    if (error instanceof AgentError) return { problem: error.message };
    throw error;
  }
}
