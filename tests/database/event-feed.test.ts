import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { FleetEvent } from '../../apps/api/events.ts';
import {
  numberEvents,
  pruneEvents,
  readEventBounds,
  skipEventNumbers,
  writeEvent,
} from '../../apps/control-plane/database/repositories/events.ts';
import {
  EventFeed,
  EventsGoneError,
  type ListenRequest,
  SlowListenerError,
} from '../../apps/control-plane/events/feed.ts';
import { type OpenTestDatabase, openTestDatabase, SILENT, withSuperuser } from './database.ts';

let made: OpenTestDatabase;
beforeAll(async () => {
  made = await openTestDatabase();
});
afterAll(() => made[Symbol.asyncDispose]());

interface FeedUnderTest extends AsyncDisposable {
  /** Number of the last event before the test. */
  readonly base: number;
  readonly feed: EventFeed;
  /** Writes events with these texts as their ids. */
  say(...texts: string[]): Promise<void>;
  /** Returns the number of queries that the feed has sent. */
  questions(): number;
  /** Listens until the test ends. */
  listen(request?: Omit<ListenRequest, 'signal'>): Promise<AsyncIterator<FleetEvent>>;
}

async function startFeed(mostBehind = 100): Promise<FeedUnderTest> {
  await using stack = new AsyncDisposableStack();
  while ((await numberEvents(made.database.db, 1000)) > 0);
  const { last: base } = await readEventBounds(made.database.db);
  const ending = new AbortController();
  const { signal } = ending;
  let asked = 0;
  const db = made.database.db.withPlugin({
    transformQuery: ({ node }) => {
      asked += 1;
      return node;
    },
    transformResult: async ({ result }) => result,
  });
  const database = { ...made.database, db };
  const feed = new EventFeed({
    ...{ database, address: made.address, log: SILENT, signal, mostBehind },
  });
  const ended = feed.work();
  stack.defer(async () => {
    ending.abort();
    await ended;
  });
  const say = async (...texts: string[]) => {
    for (const id of texts) {
      const subject = { type: 'USER', id, name: '' } as const;
      await writeEvent(made.database.db, { kind: 'user.said', subject });
    }
  };
  const listen = async (request = {}) =>
    (await feed.listen({ ...request, signal }))[Symbol.asyncIterator]();
  const whole = stack.move();
  return {
    base,
    feed,
    say,
    listen,
    questions: () => asked,
    [Symbol.asyncDispose]: () => whole.disposeAsync(),
  };
}

/** Returns the texts of the next events. */
async function take(listener: AsyncIterator<FleetEvent>, count: number): Promise<string[]> {
  const texts: string[] = [];
  while (texts.length < count) {
    const { value, done } = await listener.next();
    if (done === true) break;
    texts.push(value.subject.id);
  }
  return texts;
}

const numbered = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => String(from + index));

describe('a listener', () => {
  test('gets events from now on, or from after the last number that it has seen', async () => {
    await using world = await startFeed();
    await world.say('1', '2');
    const first = await world.listen({ after: world.base });
    expect(await take(first, 2)).toEqual(['1', '2']);
    const late = await world.listen();
    const again = await world.listen({ after: world.base + 1 });
    await world.say('3');
    expect(await take(first, 1)).toEqual(['3']);
    expect(await take(late, 1)).toEqual(['3']);
    expect(await take(again, 2)).toEqual(['2', '3']);
  });

  test('gets only events that match its filter', async () => {
    await using world = await startFeed();
    const listener = await world.listen({ after: world.base, filter: { subjectId: 'b' } });
    await world.say('a', 'b', 'a', 'b');
    expect(await take(listener, 2)).toEqual(['b', 'b']);
  });

  test('that is slow is disconnected, and misses nothing when it reconnects with its last number', async () => {
    await using world = await startFeed(10);
    const slow = await world.listen({ after: world.base });
    const quick = await world.listen({ after: world.base });
    await world.say('1');
    expect(await take(slow, 1)).toEqual(['1']);
    const all = take(quick, 30);
    await world.say(...numbered(2, 30));
    expect(await all).toEqual(numbered(1, 30));
    const error = await slow.next().catch((one: unknown) => one);
    expect(error).toBeInstanceOf(SlowListenerError);
    expect(world.feed.counts).toEqual({ listeners: 1, cutOff: 1 });
    const back = await world.listen({ after: (error as SlowListenerError).last });
    await world.say('31');
    expect(await take(back, 30)).toEqual(numbered(2, 31));
  });

  test('that reconnects with a number that is too old or was never given is told to start from a list', async () => {
    await using world = await startFeed(3);
    const { db } = made.database;
    const before = new Date(0);
    await world.say(...numbered(1, 10));
    expect(await take(await world.listen({ after: world.base }), 10)).toEqual(numbered(1, 10));
    await db.transaction().execute((one) => pruneEvents(one, { keep: 5, before, most: 10_000 }));
    const refusal = async (after: number) =>
      await world.listen({ after: world.base + after }).catch((error: unknown) => error);
    for (const after of [0, 4, 11]) {
      const error = await refusal(after);
      expect(error).toBeInstanceOf(EventsGoneError);
      expect(error).toMatchObject({
        bounds: { last: world.base + 10, resumableFrom: world.base + 5 },
      });
      expect(String(error)).toContain(`then listen after ${world.base + 10}.`);
    }
    expect(await take(await world.listen({ after: world.base + 5 }), 5)).toEqual(numbered(6, 10));
    // As after a restore of a backup: the numbers of lost events, which listeners may have seen, are not used again.
    await skipEventNumbers(db);
    await world.say('11');
    await expect.poll(() => refusal(10)).toBeInstanceOf(EventsGoneError);
  });

  test('whose events are pruned while it catches up gets an error', async () => {
    await using world = await startFeed(100);
    const { db } = made.database;
    await sql`
      INSERT INTO unnumbered_events (kind, subject_type, subject_id)
      SELECT 'user.said', 'USER', number::text FROM generate_series(1, 1200) AS number`.execute(db);
    await take(await world.listen({ after: world.base, filter: { subjectId: '1200' } }), 1);
    const listener = await world.listen({ after: world.base });
    expect(await take(listener, 1)).toEqual(['1']);
    const before = new Date(0);
    await db.transaction().execute((one) => pruneEvents(one, { keep: 100, before, most: 10_000 }));
    await expect(take(listener, 1199)).rejects.toBeInstanceOf(EventsGoneError);
  });

  test('ends when its signal is aborted, and when the feed ends', async () => {
    await using world = await startFeed();
    const ending = new AbortController();
    const own = (await world.feed.listen({ signal: ending.signal }))[Symbol.asyncIterator]();
    const next = own.next();
    const other = await world.listen();
    const until = other.next();
    await expect.poll(() => world.feed.counts.listeners).toBe(2);
    ending.abort();
    expect(await next).toEqual({ done: true, value: undefined });
    expect(world.feed.counts.listeners).toBe(1);
    await world[Symbol.asyncDispose]();
    expect(await until).toEqual({ done: true, value: undefined });
  });
});

test('a thousand listeners get all events in order, while the database is read once for all', async () => {
  await using world = await startFeed();
  const listeners = await Promise.all(Array.from({ length: 1000 }, () => world.listen()));
  const heard = Promise.all(listeners.map((listener) => take(listener, 20)));
  const before = world.questions();
  await world.say(...numbered(1, 20));
  for (const texts of await heard) expect(texts).toEqual(numbered(1, 20));
  // At most three queries per event, and three for a query without news, however many clients listen.
  expect(world.questions() - before).toBeLessThan(200);
});

test('a listener gets all events although the feed’s database connection was lost', async () => {
  await using world = await startFeed();
  const listener = await world.listen({ after: world.base });
  await world.say('1');
  expect(await take(listener, 1)).toEqual(['1']);
  await withSuperuser(made.address.socketFolder, (client) =>
    client.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND query = 'LISTEN event_news'`,
      [made.address.database],
    ),
  );
  await world.say('2');
  expect(await take(listener, 1)).toEqual(['2']);
});
