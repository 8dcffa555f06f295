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
import { page, pageOf, pageQuery, pageSchema } from './page.ts';
import { idParams, type Route, route } from './route.ts';

/** Creates the routes of alerts and their acknowledgement. */
export function alertRoutes({ db, now }: { db: Database['db']; now: () => Date }): Route[] {
  return [
    route('alert:read', {
      ...{ method: 'GET', path: '/v1/alerts', status: 200 },
      summary: 'Alerts, the newest first',
      query: z.strictObject({
        ...pageQuery,
        state: z.enum(['open', 'cleared']).optional(),
        severity: z.enum(ALERT_SEVERITIES).optional(),
      }),
      answer: pageSchema(fleetAlertSchema),
      handle: async ({ query: { state, severity, ...asked } }) => {
        const choice = pageOf(asked);
        const alerts = await listAlerts(db, {
          filter: { isOpen: state === undefined ? undefined : state === 'open', severity },
          ...(choice.after === undefined ? {} : { before: choice.after.id }),
          limit: choice.limit + 1,
        });
        const positionOf = ({ id }: Alert) => ({ key: '', id });
        return { body: page(alerts, choice, { show: describeAlert, positionOf }) };
      },
    }),
    ...(
      [
        ['acknowledge', 'Acknowledge an alert', acknowledgeAlert],
        ['clear', 'Clear an alert whose cause is over', clearAlert],
      ] as const
    ).map(([verb, summary, does]) =>
      route('alert:update', {
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
