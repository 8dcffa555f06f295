import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { ApiError } from './error.ts';
import { findRoute, makeJsonAnswer, type Route } from './route.ts';

/** Milliseconds until a caller must have sent the header and the whole request, and until an idle connection ends. */
const TIME_LIMITS = { head: 10_000, request: 30_000, idle: 5_000 };

/** Maximum number of connections at the same time. */
const MAX_CONNECTIONS = 64;

export interface ServerOptions {
  routes: readonly Route[];
  /** Turns an error of the program into an answer; returns `undefined` if the error is a bug. */
  explain: (error: unknown) => ApiError | undefined;
  /** Called with each error that is a bug. */
  onBug: (error: unknown) => void;
  /** Key and certificate in PEM for TLS; without them, the server does not use TLS. */
  tls?: { readonly key: string; readonly cert: string };
}

/** Makes the HTTP server of a program; it does not listen yet. Errors are sent as `{"error":{"what":…,"fix":…}}`. */
export function createApiServer({ routes, explain, onBug, tls }: ServerOptions): Server {
  const limits = {
    headersTimeout: TIME_LIMITS.head,
    requestTimeout: TIME_LIMITS.request,
    keepAliveTimeout: TIME_LIMITS.idle,
  };
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    answer(routes, request)
      .catch((error: unknown) => {
        const explained = error instanceof ApiError ? error : explain(error);
        if (explained !== undefined) return failure(explained);
        onBug(error);
        return failure(new ApiError(500, 'the program failed', { fix: 'Its log says why.' }));
      })
      .then((outcome) => send(response, outcome))
      .catch(onBug);
  };
  const server =
    tls === undefined
      ? createServer(limits, listener)
      : createTlsServer({ ...limits, ...tls, minVersion: 'TLSv1.3' }, listener);
  server.maxConnections = MAX_CONNECTIONS;
  return server;
}

interface Outcome {
  status: number;
  type?: string;
  body: string;
  headers?: Readonly<Record<string, string>>;
}

async function answer(routes: readonly Route[], request: IncomingMessage): Promise<Outcome> {
  const { method = '', url = '' } = request;
  const { route, id } = findRoute(routes, { method, url });
  return await route.answer(request, id);
}

function failure({ status, message, fix, headers }: ApiError): Outcome {
  return { ...makeJsonAnswer({ error: { what: message, fix } }, status), headers };
}

function send(response: ServerResponse, outcome: Outcome): void {
  const { status, type = 'application/json', body, headers = {} } = outcome;
  response.writeHead(status, {
    ...headers,
    ...(status === 204 ? {} : { 'content-type': type, 'content-length': Buffer.byteLength(body) }),
    'cache-control': 'no-store',
  });
  response.end(body);
}
