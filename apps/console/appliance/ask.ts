import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import type * as z from 'zod';
import { requestOn } from '../../api/request.ts';

/** A program of this machine did not answer, or not as it should. */
export class AnswerError extends Error {
  override readonly name = 'AnswerError';
}

/** A program of this machine that answers HTTP. */
export interface Answerer {
  /** As people call it: `the agent`. */
  name: string;
  /** Its service, which is to be looked at where it does not answer. */
  service: string;
  /** Where it listens. */
  socketPath: string;
}

/** What is asked. */
export interface Question<T> {
  whom: Answerer;
  /** `/v1/host` */
  path: string;
  schema: z.ZodType<T>;
  signal: AbortSignal;
}

/**
 * Asks a program over its Unix socket.
 * @throws AnswerError with a message for a person
 */
export async function ask<T>(question: Question<T>): Promise<T> {
  const { whom, path, schema } = question;
  const response = await get(question);
  const body = await text(response);
  if (response.statusCode !== 200 && response.statusCode !== 503) {
    throw new AnswerError(`${whom.name} answers ${response.statusCode} to ${path}`);
  }
  const parsed = schema.safeParse(parseJson(body, question));
  if (!parsed.success) {
    throw new AnswerError(`${whom.name}'s answer to ${path} cannot be understood`, {
      cause: parsed.error,
    });
  }
  return parsed.data;
}

function get<T>({ whom, path, signal }: Question<T>): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    requestOn(whom.socketPath, { path, signal }, resolve)
      .on('error', (cause) => {
        const what = `${whom.name} does not answer (is ${whom.service} running?)`;
        reject(new AnswerError(what, { cause }));
      })
      .end();
  });
}

function parseJson<T>(body: string, { whom, path }: Question<T>): unknown {
  try {
    return JSON.parse(body);
  } catch (cause) {
    throw new AnswerError(`${whom.name}'s answer to ${path} is no JSON`, { cause });
  }
}
