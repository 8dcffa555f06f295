import type { Kysely } from 'kysely';
import * as z from 'zod';
import { ApiError } from '../../http/error.ts';
import type { Executor } from '../database/database.ts';
import { enterAudit } from '../database/repositories/audit-log.ts';
import { endSessions, listSessions } from '../database/repositories/sessions.ts';
import type { DB } from '../database/schema.ts';
import {
  type Caller,
  ENDED_COOKIE,
  formatSessionCookie,
  selectAccount,
  selectAuditFields,
} from './caller.ts';
import type { Begun, LogIn } from './log-in.ts';
import { LONGEST_PASSWORD, SHORTEST_PASSWORD } from './password.ts';
import { createRoute, createTextSchema, idParams, openRoute, type Route } from './route.ts';
import { writeUserEvent } from './user-events.ts';

const time = z.iso.datetime();

/** Schema of the logged-in account. */
export const accountSchema = z.object({
  userId: z.guid(),
  username: z.string(),
  permissions: z.array(z.string()),
  /** Whether all other routes refuse until the password is changed. */
  mustChangePassword: z.boolean(),
});

const sessionSchema = z.object({
  id: z.guid(),
  address: z.string(),
  userAgent: z.string(),
  createdAt: time,
  lastUsedAt: time,
  expiresAt: time,
  isPresent: z.boolean(),
});

/** Creates the routes of logging in, logging out and sessions. */
export function createSessionRoutes({
  db,
  logIn,
  now,
}: {
  db: Kysely<DB>;
  logIn: LogIn;
  now: () => Date;
}): Route[] {
  return [
    openRoute({
      ...{ method: 'POST', path: '/v1/session', status: 204 },
      summary: 'Log in: the answer sets a cookie',
      body: z.strictObject({
        username: createTextSchema(1, 255),
        password: createTextSchema(1, LONGEST_PASSWORD),
      }),
      handle: async ({ body, origin }) => begun(await logIn.begin(body, origin)),
    }),
    createRoute('session-before-change', {
      ...{ method: 'GET', path: '/v1/session', status: 200 },
      summary: 'Who is logged in, and with which permissions',
      answer: accountSchema,
      handle: async ({ caller: { userId, username, permissions, mustChangePassword } }) => ({
        body: { userId, username, permissions: [...permissions].sort(), mustChangePassword },
      }),
    }),
    createRoute('session-before-change', {
      ...{ method: 'DELETE', path: '/v1/session', status: 204 },
      summary: 'Log out',
      handle: async ({ caller }) => {
        const id = caller.sessionId;
        await db.transaction().execute(async (transaction) => {
          const sessions = await endSessions(transaction, caller.userId, {
            now: now(),
            ...(id === undefined ? {} : { id }),
          });
          await enterAudit(transaction, {
            ...{
              action: 'session.end',
              ...selectAuditFields(caller),
              details: { session: id ?? '' },
            },
          });
          await recordLogOut(transaction, caller, sessions);
        });
        return { headers: { 'set-cookie': ENDED_COOKIE } };
      },
    }),
    createRoute('session-before-change', {
      ...{ method: 'POST', path: '/v1/session/password', status: 204, hasPassword: true },
      summary: 'Change one’s own password: all sessions end, and a new one begins',
      body: z.strictObject({
        current: createTextSchema(1, LONGEST_PASSWORD),
        next: createTextSchema(SHORTEST_PASSWORD, LONGEST_PASSWORD),
      }),
      handle: async ({ body, caller }) =>
        begun(await logIn.changePassword(caller.userId, body, caller)),
    }),
    createRoute('session', {
      ...{ method: 'GET', path: '/v1/sessions', status: 200 },
      summary: 'One’s own open sessions, the newest first',
      answer: z.object({ sessions: z.array(sessionSchema) }),
      handle: async ({ caller }) => {
        const sessions = await listSessions(db, caller.userId, now());
        return {
          body: {
            sessions: sessions.map((one) => ({
              ...{ id: one.id, address: one.address, userAgent: one.userAgent },
              createdAt: one.createdAt.toISOString(),
              lastUsedAt: one.lastUsedAt.toISOString(),
              expiresAt: one.expiresAt.toISOString(),
              isPresent: one.id === caller.sessionId,
            })),
          },
        };
      },
    }),
    createRoute('session', {
      ...{ method: 'DELETE', path: '/v1/sessions', status: 204 },
      summary: 'Log out everywhere',
      handle: async ({ caller }) => {
        await db.transaction().execute(async (transaction) => {
          const ended = await endSessions(transaction, caller.userId, { now: now() });
          await enterAudit(transaction, {
            ...{ action: 'session.end-all', ...selectAuditFields(caller), details: { ended } },
          });
          await recordLogOut(transaction, caller, ended);
        });
        return { headers: { 'set-cookie': ENDED_COOKIE } };
      },
    }),
    createRoute('session', {
      ...{ method: 'DELETE', path: '/v1/sessions/{id}', status: 204 },
      summary: 'End one of one’s own sessions',
      params: idParams,
      handle: async ({ caller, params: { id } }) => {
        await db.transaction().execute(async (transaction) => {
          const ended = await endSessions(transaction, caller.userId, { now: now(), id });
          if (ended === 0) throw new ApiError(404, 'there is no such session');
          await enterAudit(transaction, {
            ...{ action: 'session.end', ...selectAuditFields(caller), details: { session: id } },
          });
          await recordLogOut(transaction, caller, ended);
        });
        return {};
      },
    }),
  ];
}

async function recordLogOut(
  transaction: Executor,
  caller: Caller,
  sessions: number,
): Promise<void> {
  const data = { address: caller.address, sessions };
  await writeUserEvent(transaction, 'logged-out', selectAccount(caller), data);
}

function begun({ secret }: Begun) {
  return { headers: { 'set-cookie': formatSessionCookie(secret) } };
}
