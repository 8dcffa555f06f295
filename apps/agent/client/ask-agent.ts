import { AGENT_SOCKET } from '../../api/socket.ts';
import { ask, type Question } from '../../http/ask.ts';

/** What is asked of the agent, and where it listens: AGENT_SOCKET if that is absent. */
export type AgentQuestion<Value> = Omit<Question<Value>, 'whom'> & { socketPath?: string };

/** Asks the agent. @throws AnswerError in one line why there is no answer */
export function askAgent<Value>({
  socketPath = AGENT_SOCKET,
  ...question
}: AgentQuestion<Value>): Promise<Value> {
  return ask({ ...question, whom: { name: 'the agent', service: 'qx-node', socketPath } });
}
