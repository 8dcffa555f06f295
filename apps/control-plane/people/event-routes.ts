import { Readable } from 'node:stream';
import * as z from 'zod';
import { EVENT_SUBJECTS } from '../../api/events.ts';
import { ApiError } from '../../http/error.ts';
import { type EventFeed, EventsGoneError, type Subscription } from '../events/feed.ts';
import { createRoute, createTextSchema, givenId, type Route } from './route.ts';

/** Milliseconds after which a stream ends: the client reconnects, and its permissions are checked again. */
const LISTENED_FOR = 120_000;

/** Milliseconds before a client reconnects. */
const RECONNECT_AFTER = 1000;

/**
 * Creates the routes of events, as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html).
 */
export function createEventRoutes({ events }: { events: Pick<EventFeed, 'listen'> }): Route[] {
  return [
    createRoute('event:read', {
      ...{ method: 'GET', path: '/v1/events', status: 200, heeds: ['Last-Event-ID'] },
      summary:
        'What happens, as server-sent events; Last-Event-ID resumes after an event, 410 says that events are gone',
      query: z.strictObject({
        /** A kind, or its first word, such as `vm`. */
        kind: createTextSchema(1, 100).optional(),
        nodeId: givenId.optional(),
      }),
      answer: z.string().meta({ contentMediaType: 'text/event-stream' }),
      handle: async ({ query: { kind, nodeId }, headers, caller, signal }) => {
        const after = lastSeen(headers['last-event-id']);
        const ending = AbortSignal.any([signal, AbortSignal.timeout(LISTENED_FOR)]);
        const kinds = kind === undefined ? undefined : [kind];
        // Events about users are only for callers that may read accounts.
        const subjectTypes = caller.permissions.has('user:read')
          ? undefined
          : EVENT_SUBJECTS.filter((type) => type !== 'USER');
        const filter = { nodeId, kinds, subjectTypes };
        const stream = await listen(events, { after, filter, signal: ending });
        return {
          body: Readable.from(frames(stream), { objectMode: false }),
          headers: { 'content-type': 'text/event-stream' },
        };
      },
    }),
  ];
}

/** @throws ApiError 400 if it is not the number of an event */
function lastSeen(header: string | string[] | undefined): number | undefined {
  if (header === undefined || header === '') return undefined;
  if (typeof header === 'string' && /^\d{1,16}$/.test(header)) return Number(header);
  throw new ApiError(400, 'Last-Event-ID is not the number of an event');
}

/** @throws ApiError 410 if events after the last seen one were removed */
async function listen(
  events: Pick<EventFeed, 'listen'>,
  request: Parameters<EventFeed['listen']>[0],
): Promise<Subscription> {
  try {
    return await events.listen(request);
  } catch (error) {
    if (!(error instanceof EventsGoneError)) throw error;
    const { what, fix = '' } = error;
    throw new ApiError(410, what, { fix });
  }
}

/**
 * Formats a stream. It begins and ends with its position, which is not an event: a client to which no event was sent
 * reconnects with it, too, and misses nothing. The beginning makes the server send the response's head at once.
 */
async function* frames(events: Subscription): AsyncGenerator<string> {
  yield `retry: ${RECONNECT_AFTER}\nid: ${events.position}\n\n`;
  for await (const event of events) {
    yield `id: ${event.id}\nevent: ${event.kind}\ndata: ${JSON.stringify(event)}\n\n`;
  }
  yield `id: ${events.position}\n\n`;
}
