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
  host: Answer<Host>;
  network: Answer<Network>;
  vms: Answer<Vms>;
  pools: Answer<readonly Pool[]>;
}

/** An answer, or the reason why there is none. */
export type Answer<Value> = { value: Value } | { problem: string };

/**
 * Asks the agent for everything that it knows.
 * @throws AnswerError if the agent does not report its health
 */
export async function readStatus(socketPath: string): Promise<Status> {
  const health = await askAgent({ socketPath, path: '/healthz', schema: healthSchema });
  const [host, network, vms, pools] = await Promise.all([
    ask({ socketPath, path: '/v1/host', schema: hostSchema }),
    ask({ socketPath, path: '/v1/network', schema: networkSchema }),
    ask({ socketPath, path: '/v1/vms', schema: vmsSchema }),
    ask({ socketPath, path: '/v1/storage-pools', schema: poolsSchema }),
  ]);
  return { health, host, network, vms, pools };
}

async function ask<Value>(question: AgentQuestion<Value>): Promise<Answer<Value>> {
  try {
    return { value: await askAgent(question) };
  } catch (error) {
    if (error instanceof AnswerError) return { problem: error.message };
    throw error;
  }
}
