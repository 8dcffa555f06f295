import type { Database } from '../database/database.ts';
import type { EventFeed } from '../events/feed.ts';
import type { HealthFacts } from '../health/routes.ts';
import { accountRoutes } from './account-routes.ts';
import { alertRoutes } from './alert-routes.ts';
import { auditRoutes } from './audit-routes.ts';
import type { PeopleCertificate } from './certificate.ts';
import { certificateRoutes } from './certificate-routes.ts';
import { eventRoutes } from './event-routes.ts';
import { fleetRoutes } from './fleet-routes.ts';
import { healthRoutes } from './health-routes.ts';
import { LogIn } from './log-in.ts';
import type { Route } from './route.ts';
import { sessionRoutes } from './session-routes.ts';

/** What the routes for people use. */
export interface PeopleSources {
  readonly database: Database;
  readonly events: Pick<EventFeed, 'listen'>;
  readonly certificate: PeopleCertificate;
  readonly health: () => Promise<HealthFacts>;
  /** SHA-256 of the control plane's CA, 64 hex digits. */
  readonly fingerprint: string;
  readonly now: () => Date;
}

/** Returns all routes for people. */
export function peopleRoutes({
  database: { db },
  events,
  certificate,
  health,
  fingerprint,
  now,
}: PeopleSources): Route[] {
  const logIn = new LogIn(db, { now });
  return [
    ...healthRoutes(health),
    ...sessionRoutes({ db, logIn, now }),
    ...accountRoutes({ db, now }),
    ...fleetRoutes({ db, fingerprint, now }),
    ...alertRoutes({ db, now }),
    ...eventRoutes({ events }),
    ...auditRoutes({ db }),
    ...certificateRoutes(certificate),
  ];
}
