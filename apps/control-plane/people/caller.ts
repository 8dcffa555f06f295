import type { IncomingHttpHeaders } from 'node:http';
import { ApiError } from '../../http/error.ts';
import type { Executor } from '../database/database.ts';
import { useApiKey } from '../database/repositories/api-keys.ts';
import type { NewAuditEntry } from '../database/repositories/audit-log.ts';
import { listPermissions } from '../database/repositories/roles.ts';
import { useSession } from '../database/repositories/sessions.ts';
import { findUser } from '../database/repositories/users.ts';
import type { Origin } from './log-in.ts';

/** The cookie of a session: `__Host-` has browsers take it by HTTPS from this host alone (RFC 6265bis, 4.1.3.2). */
const COOKIE = '__Host-qx-session';

/** Who asks, and what he may. */
export interface Caller extends Origin {
  readonly userId: string;
  readonly username: string;
  readonly permissions: ReadonlySet<string>;
  /** His session; undefined if he came with an API key. */
  readonly sessionId: string | undefined;
  /** Nothing is for him but his password, until he has changed it. */
  readonly mustChangePassword: boolean;
}

/**
 * Finds out who asks: by the key of `Authorization: Bearer`, else by the cookie of a session.
 * @returns `undefined` if neither is there
 * @throws ApiError 401 if one is that is good for nothing
 */
export async function findCaller(
  db: Executor,
  headers: IncomingHttpHeaders,
  origin: Origin,
  now: Date,
): Promise<Caller | undefined> {
  const { authorization } = headers;
  if (authorization !== undefined) return await bearerOf(db, authorization, origin, now);
  const secret = sessionSecret(headers.cookie);
  if (secret === undefined) return undefined;
  const session = await useSession(db, secret, now);
  if (session === undefined) {
    throw new ApiError(401, 'the session has ended', { fix: 'Log in again.' });
  }
  const permissions = new Set(await listPermissions(db, session.userId));
  return { ...session, ...origin, permissions };
}

async function bearerOf(
  db: Executor,
  authorization: string,
  origin: Origin,
  now: Date,
): Promise<Caller> {
  const [, secret] = /^Bearer ([\w-]{1,100})$/i.exec(authorization) ?? [];
  const key = secret === undefined ? undefined : await useApiKey(db, secret, now);
  const owner = key === undefined ? undefined : await findUser(db, key.userId);
  if (key === undefined || owner === undefined) {
    throw new ApiError(401, 'the API key is none, or good no more');
  }
  return {
    ...origin,
    ...{ userId: owner.id, username: owner.username, sessionId: undefined },
    permissions: new Set(key.permissions),
    mustChangePassword: owner.mustChangePassword,
  };
}

/** The secret in a `Cookie` header. @returns `undefined` unless there is one, in the form of one */
function sessionSecret(cookie: string | undefined): string | undefined {
  const values = (cookie ?? '').split(/; */).flatMap((pair) => {
    const [name, value = ''] = pair.split('=', 2);
    return name === COOKIE ? [value] : [];
  });
  const [value = ''] = values;
  return values.length === 1 && /^[\w-]{43}$/.test(value) ? value : undefined;
}

/** The `Set-Cookie` of a session, which lasts as long as the browser, or until it ends here. */
export function sessionCookie(secret: string): string {
  return `${COOKIE}=${secret}; Path=/; Secure; HttpOnly; SameSite=Strict`;
}

/** The `Set-Cookie` that has a browser forget it. */
export const ENDED_COOKIE = `${COOKIE}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0`;

/** The account of who asks, as events name it. */
export function accountOf({ userId: id, username }: Caller): { id: string; username: string } {
  return { id, username };
}

/** Who did something, for the audit log. */
export function signed({
  userId,
  username,
  address,
  userAgent,
}: Caller): Pick<NewAuditEntry, 'userId' | 'username' | 'ipAddress' | 'userAgent'> {
  return { userId, username, ipAddress: address, userAgent };
}
