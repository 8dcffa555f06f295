import { AGENT_SOCKET } from '../../api/socket.ts';
import { ask, type Question } from './ask.ts';

/** What is asked of the agent, and where it listens: AGENT_SOCKET if that is absent. */
type AgentQuestion<T> = Omit<Question<T>, 'whom'> & { socketPath?: string };

/** Asks the agent. @throws AnswerError with a message for a person */
export function askAgent<T>({
  socketPath = AGENT_SOCKET,
  ...question
}: AgentQuestion<T>): Promise<T> {
  return ask({ ...question, whom: { name: 'the agent', service: 'qx-node', socketPath } });
}
