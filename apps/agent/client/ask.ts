import * as z from 'zod';
import { requestOn } from '../../api/request.ts';
import { codeOf } from '../../process/code-of.ts';

/** Milliseconds that the agent has to answer: it may wait for libvirt or for the network itself. */
const TIME_LIMIT = 60_000;

/** Characters of an answer above which it is not the agent's. */
const MAX_ANSWER = 16 * 1024 * 1024;

/** The agent cannot be asked, or answered with an error. `message` is for a person. */
export class AgentError extends Error {
  override readonly name = 'AgentError';
}

/** What to ask the agent. */
export interface Question<Value> {
  /** Its socket. */
  socket: string;
  method?: 'GET' | 'POST' | 'DELETE';
  /** Such as `/v1/host`. */
  path: string;
  body?: string;
  schema: z.ZodType<Value>;
  /** Milliseconds that the agent has to answer; 60 s if absent. */
  timeLimit?: number;
  signal?: AbortSignal;
}

const errorSchema = z.object({ error: z.object({ what: z.string(), fix: z.string().optional() }) });

/**
 * Asks the agent on its socket.
 * @throws AgentError in one line why there is no answer
 */
export async function ask<Value>(question: Question<Value>): Promise<Value> {
  const { status, text } = await exchange(question);
  const json = parseJson(text);
  if (status >= 400) {
    const told = errorSchema.safeParse(json);
    if (!told.success) throw new AgentError(`the agent answered with status ${status}`);
    const { what, fix } = told.data.error;
    throw new AgentError(fix === undefined ? what : `${what}. ${fix}`);
  }
  const value = question.schema.safeParse(json);
  if (value.success) return value.data;
  throw new AgentError(`the agent's answer to ${question.path} cannot be understood`);
}

async function exchange({
  socket,
  method = 'GET',
  path,
  body = '',
  timeLimit = TIME_LIMIT,
  signal,
}: Question<unknown>): Promise<{ status: number; text: string }> {
  const limit = AbortSignal.timeout(timeLimit);
  const ending = signal === undefined ? limit : AbortSignal.any([limit, signal]);
  try {
    return await new Promise((resolve, reject) => {
      const asked = requestOn(socket, { method, path, signal: ending }, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (piece: string) => {
          text += piece;
          if (text.length > MAX_ANSWER) asked.destroy(new AgentError('the answer is too long'));
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
        response.on('error', reject);
      });
      asked.on('error', reject);
      asked.end(body);
    });
  } catch (error) {
    if (error instanceof AgentError) throw error;
    signal?.throwIfAborted();
    throw new AgentError(limit.aborted ? 'qx-node does not answer' : whyNot(error, socket), {
      cause: error,
    });
  }
}

function whyNot(error: unknown, socket: string): string {
  switch (codeOf(error)) {
    case 'ENOENT':
    case 'ECONNREFUSED':
      return `qx-node is not running: nothing listens on ${socket}`;
    case 'EACCES':
      return `only root may ask qx-node: ${socket} cannot be opened`;
    default:
      return `qx-node cannot be asked: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function parseJson(text: string): unknown {
  try {
    return text === '' ? null : JSON.parse(text);
  } catch {
    throw new AgentError("the agent's answer is not JSON");
  }
}
