import type { Database } from '../database/database.ts';
import type { EventFeed } from '../events/feed.ts';
import type { HealthFacts } from '../health/routes.ts';
import { createAccountRoutes } from './account-routes.ts';
import { createAlertRoutes } from './alert-routes.ts';
import { createAuditRoutes } from './audit-routes.ts';
import type { PeopleCertificate } from './certificate.ts';
import { createCertificateRoutes } from './certificate-routes.ts';
import { createEventRoutes } from './event-routes.ts';
import { createFleetRoutes } from './fleet-routes.ts';
import { createHealthRoutes } from './health-routes.ts';
import { LogIn } from './log-in.ts';
import type { Route } from './route.ts';
import { createSessionRoutes } from './session-routes.ts';

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
export function createPeopleRoutes({
  database: { db },
  events,
  certificate,
  health,
  fingerprint,
  now,
}: PeopleSources): Route[] {
  const logIn = new LogIn(db, { now });
  return [
    ...createHealthRoutes(health),
    ...createSessionRoutes({ db, logIn, now }),
    ...createAccountRoutes({ db, now }),
    ...createFleetRoutes({ db, fingerprint, now }),
    ...createAlertRoutes({ db, now }),
    ...createEventRoutes({ events }),
    ...createAuditRoutes({ db }),
    ...createCertificateRoutes(certificate),
  ];
}
