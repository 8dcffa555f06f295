import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import type * as z from 'zod';
import { requestOn } from '../../api/request.ts';
import { AGENT_SOCKET } from '../../api/socket.ts';

/** The agent did not answer, or not as it should. */
export class AgentError extends Error {
  override readonly name = 'AgentError';
}

/** What is asked of the agent. */
export interface Question<T> {
  /** `/v1/host` */
  path: string;
  schema: z.ZodType<T>;
  signal: AbortSignal;
  /** Where it listens; AGENT_SOCKET if absent. */
  socketPath?: string;
}

/**
 * Asks the agent over its Unix socket.
 * @throws AgentError with a message for a person
 */
export async function askAgent<T>(question: Question<T>): Promise<T> {
  const { path, schema } = question;
  const response = await get(question);
  const body = await text(response);
  if (response.statusCode !== 200 && response.statusCode !== 503) {
    throw new AgentError(`the agent answers ${response.statusCode} to ${path}`);
  }
  const parsed = schema.safeParse(parseJson(body, path));
  if (!parsed.success) {
    throw new AgentError(`the agent's answer to ${path} cannot be understood`, {
      cause: parsed.error,
    });
  }
  return parsed.data;
}

function get<T>({
  path,
  signal,
  socketPath = AGENT_SOCKET,
}: Question<T>): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    requestOn(socketPath, { path, signal }, resolve)
      .on('error', (cause) => {
        reject(new AgentError('the agent does not answer (is qx-node running?)', { cause }));
      })
      .end();
  });
}

function parseJson(body: string, path: string): unknown {
  try {
    return JSON.parse(body);
  } catch (cause) {
    throw new AgentError(`the agent's answer to ${path} is no JSON`, { cause });
  }
}
