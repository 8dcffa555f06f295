import * as z from 'zod';
import { ALERT_SEVERITIES, fleetAlertSchema } from '../../api/alerts.ts';
import { ApiError } from '../../http/error.ts';
import type { Database } from '../database/database.ts';
import {
  type Alert,
  acknowledgeAlert,
  clearAlert,
  describeAlert,
  listAlerts,
} from '../database/repositories/alerts.ts';
import { createPage, createPageSchema, pageQuery, parsePage } from './page.ts';
import { createRoute, idParams, type Route } from './route.ts';

/** Creates the routes of alerts and their acknowledgement. */
export function createAlertRoutes({ db, now }: { db: Database['db']; now: () => Date }): Route[] {
  return [
    createRoute('alert:read', {
      ...{ method: 'GET', path: '/v1/alerts', status: 200 },
      summary: 'Alerts, the newest first',
      query: z.strictObject({
        ...pageQuery,
        state: z.enum(['open', 'cleared']).optional(),
        severity: z.enum(ALERT_SEVERITIES).optional(),
      }),
      answer: createPageSchema(fleetAlertSchema),
      handle: async ({ query: { state, severity, ...asked } }) => {
        const choice = parsePage(asked);
        const alerts = await listAlerts(db, {
          filter: { isOpen: state === undefined ? undefined : state === 'open', severity },
          ...(choice.after === undefined ? {} : { before: choice.after.id }),
          limit: choice.limit + 1,
        });
        const positionOf = ({ id }: Alert) => ({ key: '', id });
        return { body: createPage(alerts, choice, { show: describeAlert, positionOf }) };
      },
    }),
    ...(
      [
        ['acknowledge', 'Acknowledge an alert', acknowledgeAlert],
        ['clear', 'Clear an alert whose cause is over', clearAlert],
      ] as const
    ).map(([verb, summary, does]) =>
      createRoute('alert:update', {
        ...{ method: 'POST', path: `/v1/alerts/{id}/${verb}`, status: 200, summary },
        params: idParams,
        answer: fleetAlertSchema,
        handle: async ({ params: { id }, caller: { username: by } }) => {
          const alert = await does(db, id, { by, at: now() });
          if (alert === undefined) throw new ApiError(404, 'there is no such alert');
          return { body: describeAlert(alert) };
        },
      }),
    ),
  ];
}
