import * as z from 'zod';
import { ApiError } from '../../http/error.ts';
import { EXPOSITION_TYPE } from '../../http/exposition.ts';
import { formatMetrics, type HealthFacts, isReady } from '../health/routes.ts';
import { createRoute, openRoute, type Route } from './route.ts';

/** Creates the routes of health: everyone may read that the program is alive and ready, but not the metrics. */
export function createHealthRoutes(facts: () => Promise<HealthFacts>): Route[] {
  return [
    openRoute({
      ...{ method: 'GET', path: '/healthz', status: 200 },
      summary: 'Whether the program is alive',
      answer: z.object({ status: z.literal('ok') }),
      handle: async () => ({ body: { status: 'ok' } }),
    }),
    openRoute({
      ...{ method: 'GET', path: '/readyz', status: 200 },
      summary: 'Whether it can serve; 503 if not',
      answer: z.object({ ready: z.literal(true) }),
      handle: async () => {
        if (isReady(await facts())) return { body: { ready: true } };
        throw new ApiError(503, 'the control plane cannot serve', {
          fix: 'qx-controlplane doctor on its machine says why.',
        });
      },
    }),
    createRoute('metrics:read', {
      ...{ method: 'GET', path: '/metrics', status: 200 },
      summary: 'Metrics in the text format of Prometheus',
      answer: z.string(),
      handle: async () => ({
        body: formatMetrics(await facts()),
        headers: { 'content-type': EXPOSITION_TYPE },
      }),
    }),
  ];
}
