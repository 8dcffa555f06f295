import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { openDatabase } from '../../../../../apps/control-plane/database/database.ts';
import { PeopleCertificate } from '../../../../../apps/control-plane/people/certificate.ts';
import { describeApi } from '../../../../../apps/control-plane/people/openapi.ts';
import { PERMISSIONS } from '../../../../../apps/control-plane/people/permissions.ts';
import { createPeopleRoutes } from '../../../../../apps/control-plane/people/routes.ts';

const DOCUMENT = resolve(import.meta.dirname, '../../../../../docs/openapi.json');

const ignore = () => undefined;

/** The routes, with a database that is never used. */
function routes() {
  const address = { socketFolder: '/nonexistent', database: 'none', user: 'nobody' };
  const log = { error: ignore, warning: ignore, info: ignore, debug: ignore };
  const database = openDatabase(address, { open: 2, idle: 0 }, log);
  const authority = { serverCertificate: () => Promise.reject(new Error('nobody asks')) };
  return createPeopleRoutes({
    database,
    certificate: new PeopleCertificate({
      ...{ database, authority, log, signal: new AbortController().signal },
    }),
    events: { listen: () => Promise.reject(new Error('nobody listens')) },
    health: () => Promise.reject(new Error('nobody asks')),
    ...{ fingerprint: '', now: () => new Date() },
  });
}

test('docs/openapi.json matches the routes; vitest --update writes it again', async () => {
  const text = `${JSON.stringify(describeApi(routes()), null, 2)}\n`;
  await expect(text).toMatchFileSnapshot(DOCUMENT);
});

test('every route has an access rule, and only the log-in changes anything without an account', () => {
  const known = ['account', 'session', 'session-before-change', ...PERMISSIONS];
  for (const { method, path, access } of routes()) {
    if (access !== 'anybody') expect(known).toContain(access);
    else
      expect([`${method} ${path}`]).toEqual([
        expect.stringMatching(/^(GET \/healthz|GET \/readyz|POST \/v1\/session)$/),
      ]);
  }
});
