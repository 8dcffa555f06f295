import { IncomingMessage, ServerResponse } from 'node:http';
import {
  constants,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type Http2Session,
} from 'node:http2';
import {
  Code,
  ConnectError,
  type ConnectRouter,
  type ContextValues,
  createConnectRouter,
} from '@connectrpc/connect';
import {
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from '@connectrpc/connect-node';
import { messageOf } from '../../error.ts';
import type { FileRequest, FileResponse } from '../updates/serve.ts';

/** Largest message in bytes: a part of a full state has at most 1 MiB, plus some overhead. */
const LARGEST_MESSAGE = 1024 * 1024 + 64 * 1024;

/** Milliseconds within which the body of a request must arrive. */
const BODY_WITHIN = 60_000;

/** Handles a request for a file. */
type FileHandler = (request: FileRequest, response: FileResponse) => Promise<void>;

export interface RequestHandling {
  readonly routes: (router: ConnectRouter) => void;
  /** Handles requests below a path, with any version of HTTP. */
  readonly files: { readonly below: string; readonly handle: FileHandler };
  readonly valuesOf: (session: Http2Session) => ContextValues;
  /** Returns the largest body in bytes of a request on this connection. */
  readonly largestBody: (session: Http2Session) => number;
  /** Milliseconds within which a body must arrive. */
  readonly bodyWithin?: number;
  /** Called after each answered request, except those that are answered with a stream. */
  readonly onAnswered: (method: string, milliseconds: number) => void;
  /** Receives what went wrong with a request, for the log. */
  readonly onFailure: (session: Http2Session | undefined, message: string) => void;
}

/**
 * Passes HTTP/2 requests to Connect, and requests for files, which may also use HTTP/1.1, to their handler. Nothing in
 * a request is trusted: the body may be too large or too slow, path or authority invalid, and the caller may leave at
 * any time. Compressed bodies are refused, so that a small request stays small.
 */
export function handleRequests(handling: RequestHandling) {
  const { routes, files, valuesOf, largestBody, bodyWithin = BODY_WITHIN } = handling;
  const { onAnswered, onFailure } = handling;
  const router = createConnectRouter({
    ...{ grpc: false, grpcWeb: false, acceptCompression: [], readMaxBytes: LARGEST_MESSAGE },
  });
  routes(router);
  const handlers = new Map(router.handlers.map((one) => [one.requestPath, one]));
  const handle = async (request: Http2ServerRequest, response: Http2ServerResponse) => {
    const { session } = request.stream;
    const handler = handlers.get(request.url.split('?', 1)[0] ?? '');
    if (handler === undefined || session === undefined) {
      response.writeHead(404).end();
      return;
    }
    const { method } = handler;
    if (method.methodKind !== 'server_streaming') {
      const began = performance.now();
      response.once('finish', () => onAnswered(method.name, performance.now() - began));
    }
    const values = valuesOf(session);
    const given = universalRequestFromNodeRequest(request, response, undefined, values);
    const { body } = given;
    const isStream = typeof body === 'object' && body !== null && Symbol.asyncIterator in body;
    if (!isStream) throw new Error('a request without a body to read');
    const limited = { ...given, body: limit(body, largestBody(session)) };
    await universalResponseToNodeResponse(await handler(limited), response);
  };
  const handleFile = (request: FileRequest, response: FileResponse) => {
    files.handle(request, response).catch((error: unknown) => {
      onFailure(undefined, `a file that cannot be served: ${messageOf(error)}`);
      if (response.headersSent) response.destroy();
      else {
        response.writeHead(500);
        response.end();
      }
    });
  };
  return (
    request: IncomingMessage | Http2ServerRequest,
    response: ServerResponse | Http2ServerResponse,
  ): void => {
    if (request.url?.startsWith(files.below) === true) {
      request.resume();
      handleFile(request, response);
      return;
    }
    if (request instanceof IncomingMessage || response instanceof ServerResponse) {
      // NodeService requires HTTP/2.
      if (response instanceof ServerResponse) response.writeHead(505, { connection: 'close' });
      response.end();
      return;
    }
    const { stream } = request;
    const { session } = stream;
    const timer = setTimeout(() => {
      if (session !== undefined) onFailure(session, 'the body of a request did not come in time');
      stream.close(constants.NGHTTP2_CANCEL);
    }, bodyWithin);
    let isWhole = false;
    request.once('end', () => {
      isWhole = true;
      clearTimeout(timer);
    });
    stream.once('close', () => clearTimeout(timer));
    // A reset stream emits an error; the running handler is informed by its signal.
    stream.on('error', () => undefined);
    // Do not wait for the rest of a body that nobody reads.
    stream.once('finish', () => {
      if (!isWhole && !stream.closed) stream.close(constants.NGHTTP2_NO_ERROR);
    });
    handle(request, response).catch((error: unknown) => {
      if (stream.closed || stream.destroyed || session === undefined) return;
      onFailure(session, `a request that cannot be handled: ${messageOf(error)}`);
      if (response.headersSent) stream.close(constants.NGHTTP2_INTERNAL_ERROR);
      else response.writeHead(400).end();
    });
  };
}

async function* limit(body: AsyncIterable<Uint8Array>, most: number) {
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > most) {
      throw new ConnectError(`a request of more than ${most} bytes`, Code.ResourceExhausted);
    }
    yield chunk;
  }
}
