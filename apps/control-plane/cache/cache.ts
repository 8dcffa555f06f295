import type { createClient } from '@redis/client';
import * as z from 'zod';
import type { Logger } from '../../log/logger.ts';

/**
 * Answers that are kept for a while in Redis or Valkey. None of it is ever missed: where the cache is gone, slow or holds
 * something strange it has nothing, and no error.
 */
export interface Cache {
  /** What is kept under a key; undefined if there is nothing, or something else than the schema says. */
  get<T>(key: string, schema: z.ZodType<T>): Promise<T | undefined>;
  /** Keeps a value, which JSON can say, for so many seconds; or does not. */
  set(key: string, value: unknown, seconds: number): Promise<void>;
  /** Ends the connection. */
  close(): void;
}

type Client = ReturnType<typeof createClient>;

/** Milliseconds that a question to the cache may take, if its opener does not say: what it saves takes a few. */
const PATIENCE = 100;

/** Milliseconds for which a cache that did not answer is not asked again. */
const REST = 1_000;

/** Questions that may wait for an answer at once. */
const MOST_WAITING = 100;

/** Milliseconds between attempts to connect: at first, and at most. */
const RECONNECT = { first: 100, most: 10_000 };

/** Keys of the control plane begin so. */
const PREFIX = 'qvdc:';

/**
 * Opens the cache. It connects when it is first asked, without waiting for that, and again whenever the connection is lost.
 * @param socket Unix socket of Redis or Valkey
 * @param patience milliseconds that a question may take
 */
export function openCache(socket: string, log: Logger, patience = PATIENCE): Cache {
  let client: Client | undefined;
  let isOpened = false;
  let isClosed = false;
  let restUntil = 0;

  /** Connects. The client has hundreds of commands, which take a slow machine seconds to load: no start waits for it. */
  const open = async () => {
    const { createClient } = await import('@redis/client');
    if (isClosed) return;
    client = createClient({
      socket: { path: socket, connectTimeout: 3_000, reconnectStrategy },
      // A cache that is not connected is asked nothing.
      disableOfflineQueue: true,
      commandsQueueMaxLength: MOST_WAITING,
    });
    // Told to whoever watches the services; here it is a miss.
    client.on('error', (error) => log.debug(`the cache is not connected: ${String(error)}`));
    // Settles when the cache is closed, at the latest.
    client.connect().catch((error) => log.debug(`the cache is not connected: ${String(error)}`));
  };

  /** Asks the cache, unless it is known not to answer. */
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
 * Gives what is kept under a key, or finds it and keeps it for others.
 * @throws whatever finding throws
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

/** Reads a kept value. @returns undefined if it is none of the schema */
function parse<T>(text: string, schema: z.ZodType<T>): T | undefined {
  return jsonOf(schema).safeParse(text).data;
}

/** A text with JSON of a schema. */
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

/** Milliseconds until the next attempt, less up to half of it. @param attempts in a row that failed */
function reconnectStrategy(attempts: number): number {
  const longest = Math.min(RECONNECT.most, RECONNECT.first * 2 ** Math.min(attempts, 16));
  return longest * (1 - Math.random() / 2);
}
