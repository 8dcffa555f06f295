import type { IncomingMessage } from 'node:http';
import * as z from 'zod';
import { MOST_LISTED } from '../../api/events.ts';
import { byRequestSchema } from '../../api/fleet.ts';
import { readJson } from '../../http/body.ts';
import { ApiError } from '../../http/error.ts';
import { makeJsonAnswer, type Route } from '../../http/route.ts';
import type { Database } from '../database/database.ts';
import { listReceivers } from '../database/repositories/alert-receivers.ts';
import {
  type Alert,
  type AlertAct,
  acknowledgeAlert,
  clearAlert,
  describeAlert,
  listAlerts,
} from '../database/repositories/alerts.ts';
import { describeAuditEntry, listAudit, verifyAudit } from '../database/repositories/audit-log.ts';
import {
  listEvents,
  listNewestEvents,
  numberEvents,
  readEventBounds,
} from '../database/repositories/events.ts';
import { find } from './find.ts';
import { explainErrors } from './routes.ts';

/** What the routes use. */
export interface OversightSources {
  readonly database: Database;
  readonly now?: () => Date;
}

const number = z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const limit = z.coerce.number().int().min(1).max(MOST_LISTED).default(100);

const eventsAsked = z.strictObject({
  after: number.optional(),
  kind: z.string().max(100).optional(),
  node: z.string().max(255).optional(),
  limit,
});
const alertsAsked = z.strictObject({ all: z.literal('1').optional(), limit });
const auditAsked = z.strictObject({
  after: number.optional(),
  before: number.optional(),
  action: z.string().max(100).optional(),
  user: z.string().max(255).optional(),
  limit,
});
const verifyAsked = z.strictObject({
  head: z
    .string()
    .regex(/^\d{1,15}:[0-9a-f]{64}$/, 'is no head such as 12:HASH')
    .optional(),
});

/** Creates the routes for `qx-controlplane events|alerts|audit`; their bodies are in `apps/api/`. */
export function createOversightRoutes(sources: OversightSources): Route[] {
  return [...eventRoutes(sources), ...alertRoutes(sources), ...auditRoutes(sources)].map(
    (route) => ({ ...route, answer: explainErrors(route.answer) }),
  );
}

function eventRoutes({ database: { db } }: OversightSources): Route[] {
  return [
    {
      method: 'GET',
      path: '/v1/events',
      answer: async (request) => {
        const { after, kind, node, limit: most } = asked(request, eventsAsked);
        const nodeId = node === undefined ? undefined : await find(db, 'node', node);
        const filter = { nodeId, kinds: kind === undefined ? undefined : [kind] };
        await numberEvents(db, MOST_LISTED);
        // Read before the events, so that a subscriber that resumes from this number misses none.
        const { last } = await readEventBounds(db);
        const events =
          after === undefined
            ? await listNewestEvents(db, { limit: most, filter })
            : await listEvents(db, { after, limit: most, filter });
        // Read after the events: those that are removed meanwhile count as a gap.
        const { resumableFrom } = await readEventBounds(db);
        return makeJsonAnswer({ events, last, resumableFrom });
      },
    },
  ];
}

function alertRoutes({ database: { db }, now = () => new Date() }: OversightSources): Route[] {
  const act =
    (
      does: (db: Database['db'], id: string, act: AlertAct) => Promise<Alert | undefined>,
    ): Route['answer'] =>
    async (request, given) => {
      const { by } = await readJson(request, byRequestSchema);
      const alert = await does(db, await find(db, 'alert', given), { by, at: now() });
      if (alert === undefined) throw new ApiError(404, 'the alert no longer exists');
      return makeJsonAnswer(describeAlert(alert));
    };
  return [
    {
      method: 'GET',
      path: '/v1/alerts',
      answer: async (request) => {
        const { all, limit: most } = asked(request, alertsAsked);
        const filter = all === undefined ? { isOpen: true } : {};
        const alerts = await listAlerts(db, { filter, limit: most + 1 });
        return makeJsonAnswer({
          alerts: alerts.slice(0, most).map(describeAlert),
          more: alerts.length > most,
          receivers: await listReceivers(db),
        });
      },
    },
    { method: 'POST', path: '/v1/alerts/:id/acknowledge', answer: act(acknowledgeAlert) },
    { method: 'POST', path: '/v1/alerts/:id/clear', answer: act(clearAlert) },
  ];
}

function auditRoutes({ database: { db } }: OversightSources): Route[] {
  return [
    {
      method: 'GET',
      path: '/v1/audit',
      answer: async (request) => {
        const { after, before, action, user, limit: most } = asked(request, auditAsked);
        const filter = { action, username: user };
        const entries = await listAudit(db, { after, before, limit: most + 1, filter });
        const isMore = entries.length > most;
        // One entry too many was read: the last one if reading forwards from `after`, otherwise the oldest one.
        const shown = !isMore
          ? entries
          : after === undefined
            ? entries.slice(1)
            : entries.slice(0, most);
        return makeJsonAnswer({ entries: shown.map(describeAuditEntry), more: isMore });
      },
    },
    {
      method: 'GET',
      path: '/v1/audit/verify',
      answer: async (request) => {
        const { head } = asked(request, verifyAsked);
        const [sequence, hash = ''] = head?.split(':') ?? [];
        const noted = sequence === undefined ? undefined : { sequence: Number(sequence), hash };
        const verdict = await verifyAudit(db, noted);
        const { anchor } = verdict;
        if (noted !== undefined && noted.sequence < anchor.sequence) {
          throw new ApiError(400, `entry ${noted.sequence} was removed for its age`, {
            fix: `All entries up to ${anchor.sequence} were removed: note the present head.`,
          });
        }
        return makeJsonAnswer(verdict);
      },
    },
  ];
}

/** Parses a query string. @throws ApiError 400 naming what is wrong */
function asked<T extends z.ZodType>({ url = '' }: IncomingMessage, schema: T): z.output<T> {
  const given = Object.fromEntries(new URL(url, 'http://localhost').searchParams);
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new ApiError(400, `${issue?.path.join('.') ?? 'the question'}: ${issue?.message ?? ''}`);
}
