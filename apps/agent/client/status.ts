import { type Health, healthSchema } from '../../api/health.ts';
import { type Host, hostSchema } from '../../api/host.ts';
import { type Network, networkSchema } from '../../api/network.ts';
import { type Pool, poolsSchema } from '../../api/storage.ts';
import { type Vms, vmsSchema } from '../../api/vms.ts';
import { AnswerError } from '../../http/ask.ts';
import { type AgentQuestion, askAgent } from './ask-agent.ts';

/** The agent's answers, or the reasons why they are missing. */
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
 * Asks the agent for everything that it knows.
 * @throws AnswerError if it does not report its health
 */
export async function readStatus(socketPath: string): Promise<Status> {
  const health = await askAgent({ socketPath, path: '/healthz', schema: healthSchema });
  const [host, network, vms, pools] = await Promise.all([
    told({ socketPath, path: '/v1/host', schema: hostSchema }),
    told({ socketPath, path: '/v1/network', schema: networkSchema }),
    told({ socketPath, path: '/v1/vms', schema: vmsSchema }),
    told({ socketPath, path: '/v1/storage-pools', schema: poolsSchema }),
  ]);
  return { health, host, network, vms, pools };
}

async function told<Value>(question: AgentQuestion<Value>): Promise<Told<Value>> {
  try {
    return { value: await askAgent(question) };
  } catch (error) {
    if (error instanceof AnswerError) return { problem: error.message };
    throw error;
  }
}
