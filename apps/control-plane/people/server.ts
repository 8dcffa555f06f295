import { createHash } from 'node:crypto';
import { type RequestListener, type Server, STATUS_CODES } from 'node:http';
import { Readable } from 'node:stream';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import { ApiError } from '../../http/error.ts';
import type { Database } from '../database/database.ts';
import { SilentDatabaseError } from '../database/patience.ts';
import {
  beginRequest,
  forgetRequest,
  type IdempotentRequest,
  keepAnswer,
} from '../database/repositories/idempotent-requests.ts';
import { type Caller, findCaller } from './caller.ts';
import type { Origin } from './log-in.ts';
import { explain, formatProblem, HEADERS, PROBLEM_TYPE } from './problem.ts';
import { computeEntityTag, isRepeatable, type Reply, type Route } from './route.ts';

/** Largest body of a request, in bytes. */
const LARGEST_BODY = 64 * 1024;

/** Longest path parameter, in characters. */
const LONGEST_PARAMETER = 100;

/** What the server needs. */
export interface PeopleServing {
  readonly database: Pick<Database, 'db' | 'whileItAnswers'>;
  readonly routes: readonly Route[];
  readonly now: () => Date;
  /** Receives errors of the program itself. */
  readonly onBug: (error: unknown) => void;
  /** Receives refused requests. */
  readonly onRefused: (address: string, problem: string) => void;
  /** Creates the server of a listener. */
  readonly serverOf: (listener: RequestListener) => Server;
}

/** Answers to invalid or incomplete requests, by the code of node:http. */
const NO_HTTP = { status: 400, what: 'the request is not HTTP' };
const UNREADABLE: Readonly<Record<string, typeof NO_HTTP>> = {
  ERR_HTTP_REQUEST_TIMEOUT: { status: 408, what: 'the request took too long' },
  HPE_HEADER_OVERFLOW: { status: 431, what: 'the head of the request is too long' },
};

/** Creates the HTTP server of the routes for people; it does not listen yet. */
export async function createPeopleServer(serving: PeopleServing): Promise<FastifyInstance> {
  const { onBug, onRefused, serverOf } = serving;
  const app = fastify({
    bodyLimit: LARGEST_BODY,
    exposeHeadRoutes: false,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: LONGEST_PARAMETER },
    // Refuse keys that would set an object's prototype or constructor.
    onProtoPoisoning: 'error',
    onConstructorPoisoning: 'error',
    clientErrorHandler: ({ code }, socket) => {
      const { status, what } = UNREADABLE[code ?? ''] ?? NO_HTTP;
      const body = formatProblem(status, what);
      const head = [
        `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
        `content-type: ${PROBLEM_TYPE}`,
        `content-length: ${Buffer.byteLength(body)}`,
        'connection: close',
      ];
      if (socket.writable) socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
      else socket.destroy();
    },
    frameworkErrors: (error, request, reply) => fail(error, request, reply),
    serverFactory: (listener) => serverOf(listener),
  });
  const fail = (error: unknown, request: FastifyRequest, reply: FastifyReply) => {
    const explained = explain(error);
    if (explained === undefined) onBug(error);
    const { status, message, fix, headers } =
      explained ?? new ApiError(500, 'the program failed', { fix: 'Its log says why.' });
    if (status < 500 && status !== 404) onRefused(addressOf(request), `${status}: ${message}`);
    return reply
      .code(status)
      .headers({ ...HEADERS, ...headers })
      .type(PROBLEM_TYPE)
      .send(formatProblem(status, message, fix));
  };
  app.setErrorHandler(fail);
  app.setNotFoundHandler((request, reply) =>
    fail(new ApiError(404, 'there is nothing here'), request, reply),
  );
  // Accept only JSON: a form of another site cannot send it.
  app.removeContentTypeParser('text/plain');
  for (const route of serving.routes) {
    app.route({
      method: route.method,
      url: route.path.replaceAll(/\{(\w+)\}/g, ':$1'),
      // Runs before the body is read, so that the body of an unauthorized caller is not read.
      onRequest: async (request) => {
        refuseOtherSites(request);
        const { whileItAnswers } = serving.database;
        callers.set(request, await whileItAnswers(() => admit(serving, route, request)));
      },
      handler: async (request, reply) => {
        const caller = callers.get(request);
        const key = request.headers['idempotency-key'];
        if (caller !== undefined && isRepeatable(route) && key !== undefined) {
          await workOnce(serving, route, { caller, key, request, reply });
          return reply;
        }
        const outcome = await work(serving, route, { caller, request, reply });
        const { body } = outcome;
        if (body instanceof Readable) {
          await reply
            .code(route.status)
            .headers({ ...HEADERS, ...outcome.headers })
            .send(body);
          return reply;
        }
        const tag =
          route.method === 'GET' && body instanceof Object ? computeEntityTag(body) : undefined;
        const headers = { ...(tag === undefined ? {} : { etag: tag }), ...outcome.headers };
        await send(reply, route.status, { text: textOf(outcome), headers });
        return reply;
      },
    });
  }
  await app.ready();
  return app;
}

/** Callers by request; set once a request's head was read. */
const callers = new WeakMap<FastifyRequest, Caller | undefined>();

/** @throws ApiError 403 if browser headers show that a page of another site makes the request */
function refuseOtherSites({ headers }: FastifyRequest): void {
  const site = headers['sec-fetch-site'];
  const isOwn = site === undefined || site === 'same-origin' || site === 'none';
  const { origin, host } = headers;
  if (isOwn && (origin === undefined || origin === `https://${host}`)) return;
  throw new ApiError(403, 'the request comes from a page of another site');
}

/** Authenticates the caller and checks its access. @throws ApiError 401, 403 if the caller may not use the route */
async function admit(
  { database: { db }, now }: PeopleServing,
  { access }: Route,
  request: FastifyRequest,
): Promise<Caller | undefined> {
  if (access === 'anybody') return undefined;
  const caller = await findCaller(db, request.headers, originOf(request), now());
  if (caller === undefined) {
    throw new ApiError(401, 'the request has no valid session', {
      fix: 'Log in by POST /v1/session, or send an API key.',
    });
  }
  const isOwn = access === 'session' || access === 'session-before-change';
  if (isOwn && caller.sessionId === undefined) {
    throw new ApiError(403, 'this is not for API keys', { fix: 'Log in.' });
  }
  if (caller.mustChangePassword && access !== 'session-before-change') {
    throw new ApiError(403, 'the password has to be changed first', {
      fix: 'POST /v1/session/password changes it.',
    });
  }
  if (!isOwn && access !== 'account' && !caller.permissions.has(access)) {
    throw new ApiError(403, `${caller.username} does not have the permission ${access}`);
  }
  return caller;
}

/** Returns the address of a request: IPv4 addresses in their own form, IPv6 without the interface. */
function addressOf({ socket }: FastifyRequest): string {
  const address = socket.remoteAddress ?? '';
  return address.replace(/^::ffff:(?=[\d.]+$)/i, '').replace(/%.*$/, '');
}

function originOf(request: FastifyRequest): Origin {
  return { address: addressOf(request), userAgent: request.headers['user-agent'] ?? '' };
}

/** Runs the handler of a route. */
async function work(
  { database }: PeopleServing,
  route: Route,
  {
    caller,
    request,
    reply,
  }: { caller: Caller | undefined; request: FastifyRequest; reply: FastifyReply },
): Promise<Reply> {
  const gone = new AbortController();
  reply.raw.once('close', () => gone.abort());
  const given = {
    ...{ params: request.params, query: request.query, body: request.body, caller },
    ...{ origin: originOf(request), headers: request.headers, signal: gone.signal },
  };
  return await database.whileItAnswers(() => route.handle(given));
}

async function send(
  reply: FastifyReply,
  status: number,
  { text, headers = {} }: { text: string; headers?: Readonly<Record<string, string>> },
): Promise<void> {
  reply.code(status).headers({ ...HEADERS, 'content-type': 'application/json', ...headers });
  if (status === 204) reply.removeHeader('content-type');
  await reply.send(status === 204 ? undefined : text);
}

/** Returns the body of an answer as text: JSON, unless it is text already. */
function textOf({ body }: Reply): string {
  if (body === undefined) return '';
  return typeof body === 'string' ? body : `${JSON.stringify(body)}\n`;
}

/**
 * Runs the handler of a route as `work` does, but once for each Idempotency-Key: a repeated request gets the answer of
 * the first (draft-ietf-httpapi-idempotency-key-header).
 */
async function workOnce(
  serving: PeopleServing,
  route: Route,
  {
    caller,
    key,
    request,
    reply,
  }: { caller: Caller; key: string | string[]; request: FastifyRequest; reply: FastifyReply },
): Promise<void> {
  if (typeof key !== 'string' || !/^[\x21-\x7e]{1,255}$/.test(key)) {
    throw new ApiError(400, 'the Idempotency-Key is not 1 to 255 characters of ASCII');
  }
  const requestHash = createHash('sha256')
    .update(JSON.stringify([request.method, request.url, request.body ?? null]))
    .digest();
  const once: IdempotentRequest = { userId: caller.userId, key, requestHash };
  const {
    database: { db, whileItAnswers },
    now,
  } = serving;
  const earlier = await whileItAnswers(() => beginRequest(db, once, now()));
  switch (earlier.kind) {
    case 'other':
      throw new ApiError(422, 'the Idempotency-Key was used for another request');
    case 'begun':
      throw new ApiError(
        409,
        'an earlier request with this Idempotency-Key has begun and not ended',
        {
          fix: 'Its outcome is not known yet: check whether it took effect.',
        },
      );
    case 'answered': {
      const { status, body } = earlier;
      if (body === null)
        throw new ApiError(
          409,
          'this request was carried out before, and the secret in its answer is shown only once',
        );
      return await send(reply, status, { text: body });
    }
    case 'new': {
      const outcome = await work(serving, route, { caller, request, reply }).catch(
        async (error: unknown) => {
          // A change may still take effect once the database answers again: the request is not repeated.
          if (!(error instanceof SilentDatabaseError)) await forgetRequest(db, once);
          throw error;
        },
      );
      const text = textOf(outcome);
      const answer = { status: route.status, body: route.isSecret ? null : text };
      await whileItAnswers(() => keepAnswer(db, once, answer));
      await send(reply, route.status, { ...outcome, text });
    }
  }
}
