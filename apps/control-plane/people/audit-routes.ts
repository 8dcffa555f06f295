import * as z from 'zod';
import { fleetAuditEntrySchema } from '../../api/audit.ts';
import type { Database } from '../database/database.ts';
import {
  type AuditEntry,
  describeAuditEntry,
  listAudit,
} from '../database/repositories/audit-log.ts';
import { createPage, createPageSchema, invalidCursor, pageQuery, parsePage } from './page.ts';
import { createRoute, createTextSchema, givenId, type Route } from './route.ts';

const time = z.iso.datetime();

/** Creates the routes of the audit log. */
export function createAuditRoutes({ db }: { db: Database['db'] }): Route[] {
  return [
    createRoute('system:audit', {
      ...{ method: 'GET', path: '/v1/audit', status: 200 },
      summary: 'The audit log, the newest entries first',
      query: z.strictObject({
        ...pageQuery,
        /** An action, or its first word, such as `user`. */
        action: createTextSchema(1, 100).optional(),
        username: createTextSchema(1, 255).optional(),
        /** Id of the affected object. */
        resourceId: givenId.optional(),
        result: z.enum(['success', 'failure']).optional(),
        /** Entries from the time `since` on, and before the time `until`. */
        since: time.optional(),
        until: time.optional(),
      }),
      answer: createPageSchema(fleetAuditEntrySchema),
      handle: async ({ query: { limit, cursor, resourceId, since, until, ...query } }) => {
        const choice = parsePage({ limit, cursor });
        const entries = await listAudit(db, {
          before: choice.after === undefined ? undefined : sequenceOf(choice.after.key),
          limit: choice.limit + 1,
          filter: {
            ...query,
            resourceId,
            since: since === undefined ? undefined : new Date(since),
            until: until === undefined ? undefined : new Date(until),
          },
        });
        const positionOf = ({ sequence, id }: AuditEntry) => ({ key: String(sequence), id });
        const newestFirst = entries.toReversed();
        return { body: createPage(newestFirst, choice, { show: describeAuditEntry, positionOf }) };
      },
    }),
  ];
}

/** Returns the number of an entry from a cursor. @throws ApiError 400 if it is invalid */
function sequenceOf(key: string): number {
  if (/^\d{1,15}$/.test(key)) return Number(key);
  throw invalidCursor();
}
