import { type ClientRequest, type IncomingMessage, type RequestOptions, request } from 'node:http';
import { connect } from 'node:net';
import * as z from 'zod';
import { messageOf } from '../error.ts';
import { getErrorCode } from '../process/code-of.ts';

/** Milliseconds that a program has to answer: it may itself wait for libvirt or for the network. */
const TIME_LIMIT = 60_000;

/** Longest answer that is accepted, in characters. */
const MAX_ANSWER = 16 * 1024 * 1024;

/** A program on this machine cannot be asked, or answers with an error. `message` is for a person. */
export class AnswerError extends Error {
  override readonly name = 'AnswerError';
}

/** A program on this machine that answers HTTP on a Unix socket. */
export interface Answerer {
  /** Name in messages: `the agent`. */
  name: string;
  /** Its service, named in messages if it does not answer: `qx-node`. */
  service: string;
  /** Path of its socket. */
  socketPath: string;
}

/** A request to a program. */
export interface Question<Value> {
  whom: Answerer;
  method?: 'GET' | 'POST' | 'DELETE';
  /** Such as `/v1/host`. */
  path: string;
  body?: string;
  schema: z.ZodType<Value>;
  /** Milliseconds that the program has to answer; 60 s if absent. */
  timeLimit?: number;
  signal?: AbortSignal;
}

const errorSchema = z.object({ error: z.object({ what: z.string(), fix: z.string().optional() }) });

/**
 * Sends a request to a program on its socket. A body that fits the schema is returned also with status 503, with which
 * a program reports that it has a problem.
 * @throws AnswerError saying in one line why there is no answer, also if the signal is aborted
 */
export async function ask<Value>(question: Question<Value>): Promise<Value> {
  const { whom, path, schema } = question;
  const { status, text } = await exchange(question);
  if (status < 400 || status === 503) {
    const value = schema.safeParse(parseJson(text, question));
    if (value.success) return value.data;
    if (status < 400) {
      throw new AnswerError(`${whom.name}'s answer to ${path} cannot be understood`, {
        cause: value.error,
      });
    }
  }
  const parsed = errorSchema.safeParse(text === '' ? null : parseJson(text, question));
  if (!parsed.success) throw new AnswerError(`${whom.name} answers ${status} to ${path}`);
  const { what, fix } = parsed.data.error;
  throw new AnswerError(fix === undefined ? what : `${what}. ${fix}`);
}

async function exchange({
  whom,
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
      const asked = requestOn(whom.socketPath, { method, path, signal: ending }, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (piece: string) => {
          text += piece;
          if (text.length > MAX_ANSWER) asked.destroy(new AnswerError('the answer is too long'));
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
        response.on('error', reject);
      });
      asked.on('error', reject);
      asked.end(body);
    });
  } catch (error) {
    if (error instanceof AnswerError) throw error;
    const why = ending.aborted ? `${whom.service} does not answer` : whyNot(error, whom);
    throw new AnswerError(why, { cause: error });
  }
}

function whyNot(error: unknown, { service, socketPath }: Answerer): string {
  switch (getErrorCode(error)) {
    case 'ENOENT':
    case 'ECONNREFUSED':
      return `${service} is not running: nothing listens on ${socketPath}`;
    case 'EACCES':
      return `only root may ask ${service}: ${socketPath} cannot be opened`;
    default:
      return `${service} cannot be asked: ${messageOf(error)}`;
  }
}

function parseJson(text: string, { whom, path }: Question<unknown>): unknown {
  try {
    return text === '' ? null : JSON.parse(text);
  } catch (cause) {
    throw new AnswerError(`${whom.name}'s answer to ${path} is not JSON`, { cause });
  }
}

/**
 * Starts a request to a program on its Unix socket, like `request` of node:http. Does not use an http.Agent: to
 * determine the server's name, an Agent compiles a regular expression, which takes longer than the rest of the request.
 */
export function requestOn(
  socket: string,
  options: RequestOptions,
  onResponse: (response: IncomingMessage) => void,
): ClientRequest {
  return request({ ...options, createConnection: () => connect(socket) }, onResponse);
}
