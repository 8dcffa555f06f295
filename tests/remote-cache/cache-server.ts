import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { zstdCompressSync, zstdDecompress } from 'node:zlib';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  type ActionResult,
  ActionResultSchema,
  ExecutedActionMetadataSchema,
} from '../../build/remote-cache/proto/gen/remote_execution_pb.js';

/** SHA-256 of nothing. */
const NOTHING = createHash('sha256').digest('hex');
const EMPTY = Buffer.alloc(0);

const decompress = promisify(zstdDecompress);

/** Settings of a server; by default, those of bazel-remote with its usual settings. */
export interface CacheServerOptions {
  /** `webdav` stores any content under any name without checks, like nginx with `dav_methods PUT`. */
  kind?: 'bazel-remote' | 'webdav';
  /** Required `name:password`. */
  logIn?: string;
  /** Maximum number of stored bytes. */
  capacity?: number;
  /** Certificate and key, PEM. */
  tls?: { cert: string; key: string };
  /** Answers a request in place of the server if it returns `true`. */
  instead?: (request: IncomingMessage, response: ServerResponse) => boolean;
}

/**
 * A cache that speaks Bazel's HTTP protocol with the rules of bazel-remote 2: a PUT needs a length, and the hash in its
 * name; an action's value must be an ActionResult with plain paths and digests, and is only returned while all of its
 * files exist; blobs are transferred compressed with zstd if the client requests this.
 * tests/unit/remote-cache/cache-server.test.ts lists these rules.
 */
export class TestCacheServer implements AsyncDisposable {
  /** Method, path and status of each answer. */
  readonly answers: string[] = [];
  readonly blobs = new Map<string, Buffer>();
  readonly actions = new Map<string, Buffer>();
  /** Number of blobs that were uploaded compressed. */
  compressed = 0;
  url = '';
  options: CacheServerOptions;
  readonly #server: Server;
  /** Content of a blob → its compressed form, as it was uploaded. */
  readonly #packed = new Map<Buffer, Buffer>();

  private constructor(options: CacheServerOptions) {
    this.options = options;
    const listener = (request: IncomingMessage, response: ServerResponse) => {
      response.on('finish', () =>
        this.answers.push(`${request.method} ${request.url} ${response.statusCode}`),
      );
      if (this.options.instead?.(request, response) === true) return;
      this.#answer(request, response).catch(() => response.destroy());
    };
    this.#server =
      options.tls === undefined ? createServer(listener) : createTlsServer(options.tls, listener);
  }

  /** Starts a server on a free port of this host. */
  static async open(options: CacheServerOptions = {}): Promise<TestCacheServer> {
    const one = new TestCacheServer(options);
    if (options.kind !== 'webdav') one.#packed.set(EMPTY, zstdCompressSync(EMPTY));
    const { promise, resolve } = Promise.withResolvers<void>();
    one.#server.listen(0, '127.0.0.1', resolve);
    await promise;
    const address = one.#server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    one.url = `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${address.port}`;
    return one;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    this.#server.closeAllConnections();
    await promise;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { logIn } = this.options;
    const wanted = logIn && `Basic ${Buffer.from(logIn).toString('base64')}`;
    if (wanted !== undefined && request.headers.authorization !== wanted) return end(response, 401);
    const [, kind, hash = ''] =
      /^\/(?:.*\/)?(ac|cas)\/([0-9a-f]{64})$/.exec(request.url ?? '') ?? [];
    if (kind === undefined) return end(response, 400);
    if (!['GET', 'HEAD', 'PUT'].includes(request.method ?? '')) return end(response, 405);
    if (request.method === 'PUT') {
      const status = await this.#put(kind, hash, request);
      return end(response, status);
    }
    const content = kind === 'ac' ? this.#action(hash) : this.#blob(hash);
    if (content === undefined) return end(response, 404);
    const packed = this.#packed.get(content);
    const zstd = kind === 'cas' && /\bzstd\b/.test(`${request.headers['accept-encoding']}`);
    if (request.method === 'HEAD') {
      response.writeHead(200, { 'content-length': content.length }).end();
    } else if (zstd && packed !== undefined) {
      // Without a length, because the known one is that of the uncompressed content.
      response.writeHead(200, { 'content-encoding': 'zstd' });
      response.end(packed);
    } else {
      response.writeHead(200, { 'content-length': content.length }).end(content);
    }
  }

  get #isPlain(): boolean {
    return this.options.kind === 'webdav';
  }

  #blob(hash: string): Buffer | undefined {
    return this.blobs.get(hash) ?? (hash === NOTHING && !this.#isPlain ? EMPTY : undefined);
  }

  #action(key: string): Buffer | undefined {
    const bytes = this.actions.get(key);
    if (bytes === undefined || this.#isPlain) return bytes;
    const { outputFiles } = fromBinary(ActionResultSchema, bytes);
    const whole = outputFiles.every(
      ({ digest }) => this.#blob(digest?.hash ?? '')?.length === Number(digest?.sizeBytes),
    );
    return whole ? bytes : undefined;
  }

  /** @returns the status to answer with */
  async #put(kind: string, name: string, request: IncomingMessage): Promise<number> {
    const { headers } = request;
    const length = headers['x-digest-sizebytes'] ?? headers['content-length'];
    const encoding = headers['content-encoding'] ?? 'identity';
    if (length === undefined) return 400;
    const body = await buffer(request);
    if (this.#isPlain) {
      (kind === 'ac' ? this.actions : this.blobs).set(name, body);
      return 201;
    }
    if (encoding !== 'identity' && encoding !== 'zstd') return 400;
    if (encoding === 'zstd') this.compressed += 1;
    const content = encoding === 'zstd' ? await decompress(body) : body;
    if (content.length !== Number(length)) return 400;
    const held = [...this.blobs.values()].reduce((sum, one) => sum + one.length, 0);
    if (held + content.length > (this.options.capacity ?? Number.POSITIVE_INFINITY)) return 507;
    if (kind === 'cas') {
      if (createHash('sha256').update(content).digest('hex') !== name) return 400;
      this.blobs.set(name, content);
      if (encoding === 'zstd') this.#packed.set(content, body);
      return 200;
    }
    const action = validAction(content, `${request.socket.remoteAddress}`);
    if (action === undefined) return 400;
    this.actions.set(name, Buffer.from(toBinary(ActionResultSchema, action)));
    return 200;
  }
}

/** Returns the message as it is stored, or undefined if it is not accepted. */
function validAction(bytes: Uint8Array, from: string): ActionResult | undefined {
  let action: ActionResult;
  try {
    action = fromBinary(ActionResultSchema, bytes);
  } catch {
    return undefined;
  }
  const isValid = action.outputFiles.every(
    ({ path, digest }) =>
      path !== '' &&
      !path.startsWith('/') &&
      digest !== undefined &&
      digest.sizeBytes >= 0n &&
      /^[0-9a-f]{64}$/.test(digest.hash),
  );
  if (!isValid) return undefined;
  action.executionMetadata ??= create(ExecutedActionMetadataSchema);
  action.executionMetadata.worker ||= from;
  return action;
}

function end(response: ServerResponse, status: number): void {
  response.writeHead(status, { 'content-length': 0 }).end();
}
