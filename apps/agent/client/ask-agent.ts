import { AGENT_SOCKET } from '../../api/socket.ts';
import { ask, type Question } from '../../http/ask.ts';

/** A request to the agent. `socketPath` is the path of its socket; AGENT_SOCKET if absent. */
export type AgentQuestion<Value> = Omit<Question<Value>, 'whom'> & { socketPath?: string };

/** Sends a request to the agent. @throws AnswerError saying in one line why there is no answer */
export function askAgent<Value>({
  socketPath = AGENT_SOCKET,
  ...question
}: AgentQuestion<Value>): Promise<Value> {
  return ask({ ...question, whom: { name: 'the agent', service: 'qx-node', socketPath } });
}
