import type { createClient } from '@redis/client';
import * as z from 'zod';
import type { Logger } from '../../log/logger.ts';

/**
 * A cache in Redis or Valkey. Its failures do not reach the caller: if it is down, slow or holds invalid data, it
 * returns no value and throws no error.
 */
export interface Cache {
  /** Returns the value of a key; undefined if there is none, or if it does not match the schema. */
  get<T>(key: string, schema: z.ZodType<T>): Promise<T | undefined>;
  /** Stores a JSON value for a number of seconds; may fail silently. */
  set(key: string, value: unknown, seconds: number): Promise<void>;
  /** Closes the connection. */
  close(): void;
}

type Client = ReturnType<typeof createClient>;

/** Milliseconds that a request to the cache may take by default: the saved work takes only a few milliseconds. */
const PATIENCE = 100;

/** Milliseconds for which a cache that did not answer is not asked again. */
const REST = 1_000;

/** Requests that may wait for an answer at the same time. */
const MOST_WAITING = 100;

/** Milliseconds between attempts to connect: the first delay, and the longest. */
const RECONNECT = { first: 100, most: 10_000 };

/** Prefix of the control plane's keys. */
const PREFIX = 'qvdc:';

/**
 * Opens the cache. It connects with the first request, which does not wait for it, and again whenever the connection is
 * lost.
 * @param socket Unix socket of Redis or Valkey
 * @param patience milliseconds that a request may take
 */
export function openCache(socket: string, log: Logger, patience = PATIENCE): Cache {
  let client: Client | undefined;
  let isOpened = false;
  let isClosed = false;
  let restUntil = 0;

  /** Connects. Imports the client late: its hundreds of commands take a slow machine seconds to load. */
  const open = async () => {
    const { createClient } = await import('@redis/client');
    if (isClosed) return;
    client = createClient({
      socket: { path: socket, connectTimeout: 3_000, reconnectStrategy },
      // While it is not connected, requests fail at once.
      disableOfflineQueue: true,
      commandsQueueMaxLength: MOST_WAITING,
    });
    // The health of services is reported elsewhere; here, a failure is a cache miss.
    client.on('error', (error) => log.debug(`the cache is not connected: ${String(error)}`));
    // Settles at the latest when the cache is closed.
    client.connect().catch((error) => log.debug(`the cache is not connected: ${String(error)}`));
  };

  /** Sends a request to the cache, unless it recently did not answer. */
  const ask = async <T>(question: (asked: Client) => Promise<T>): Promise<T | undefined> => {
    if (!isOpened) void open();
    isOpened = true;
    if (!client?.isReady || performance.now() < restUntil) return undefined;
    const { promise: late, resolve } = Promise.withResolvers<undefined>();
    const timer = setTimeout(() => {
      restUntil = performance.now() + REST;
      log.debug(`the cache gave no answer within ${patience} ms`);
      resolve(undefined);
    }, patience);
    try {
      return await Promise.race([question(client), late]);
    } catch (error) {
      log.debug(`the cache refuses: ${String(error)}`);
      return undefined;
    } finally {
      clearTimeout(timer);
    }
  };

  return {
    async get(key, schema) {
      const text = await ask((redis) => redis.get(PREFIX + key));
      return typeof text === 'string' ? parse(text, schema) : undefined;
    },
    async set(key, value, seconds) {
      const expiration = { type: 'EX', value: seconds } as const;
      await ask((redis) => redis.set(PREFIX + key, JSON.stringify(value), { expiration }));
    },
    close: () => {
      isClosed = true;
      client?.destroy();
    },
  };
}

/**
 * Returns the cached value of a key, or calls `find` and stores its result for a number of seconds.
 * @throws the errors of `find`
 */
export async function remember<T>(
  cache: Cache,
  { key, schema, seconds }: { key: string; schema: z.ZodType<T>; seconds: number },
  find: () => Promise<T>,
): Promise<T> {
  const kept = await cache.get(key, schema);
  if (kept !== undefined) return kept;
  const found = await find();
  await cache.set(key, found, seconds);
  return found;
}

/** Parses a stored value. @returns undefined if it does not match the schema */
function parse<T>(text: string, schema: z.ZodType<T>): T | undefined {
  return jsonOf(schema).safeParse(text).data;
}

/** Creates a schema for JSON text of another schema. */
function jsonOf<T>(schema: z.ZodType<T>) {
  return z
    .string()
    .transform((text, context): unknown => {
      try {
        return JSON.parse(text);
      } catch {
        context.addIssue('not JSON');
        return z.NEVER;
      }
    })
    .pipe(schema);
}

/**
 * Returns the milliseconds until the next attempt, randomly reduced by up to half. @param attempts that failed in a row
 */
function reconnectStrategy(attempts: number): number {
  const longest = Math.min(RECONNECT.most, RECONNECT.first * 2 ** Math.min(attempts, 16));
  return longest * (1 - Math.random() / 2);
}
