import type { IncomingHttpHeaders } from 'node:http';
import { ApiError } from '../../http/error.ts';
import type { Executor } from '../database/database.ts';
import { useApiKey } from '../database/repositories/api-keys.ts';
import type { NewAuditEntry } from '../database/repositories/audit-log.ts';
import { listPermissions } from '../database/repositories/roles.ts';
import { useSession } from '../database/repositories/sessions.ts';
import { findUser } from '../database/repositories/users.ts';
import type { Origin } from './log-in.ts';

/**
 * Name of the session cookie: with `__Host-`, browsers accept it only over HTTPS and from this host (RFC 6265bis,
 * 4.1.3.2).
 */
const COOKIE = '__Host-qx-session';

/** The caller of a request, and its permissions. */
export interface Caller extends Origin {
  readonly userId: string;
  readonly username: string;
  readonly permissions: ReadonlySet<string>;
  /** Its session; undefined if it uses an API key. */
  readonly sessionId: string | undefined;
  /** Whether it may do nothing but change its password. */
  readonly mustChangePassword: boolean;
}

/**
 * Identifies the caller: by the key of `Authorization: Bearer`, or else by the session cookie.
 * @returns `undefined` if there is neither
 * @throws ApiError 401 if one is given but invalid
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
    throw new ApiError(401, 'the API key is not valid');
  }
  return {
    ...origin,
    ...{ userId: owner.id, username: owner.username, sessionId: undefined },
    permissions: new Set(key.permissions),
    mustChangePassword: owner.mustChangePassword,
  };
}

/** Returns the secret from a `Cookie` header. @returns `undefined` unless there is exactly one of the right form */
function sessionSecret(cookie: string | undefined): string | undefined {
  const values = (cookie ?? '').split(/; */).flatMap((pair) => {
    const [name, value = ''] = pair.split('=', 2);
    return name === COOKIE ? [value] : [];
  });
  const [value = ''] = values;
  return values.length === 1 && /^[\w-]{43}$/.test(value) ? value : undefined;
}

/** Returns the `Set-Cookie` of a session, which lasts until the browser is closed or the session ends. */
export function formatSessionCookie(secret: string): string {
  return `${COOKIE}=${secret}; Path=/; Secure; HttpOnly; SameSite=Strict`;
}

/** The `Set-Cookie` that makes a browser delete the session cookie. */
export const ENDED_COOKIE = `${COOKIE}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0`;

/** Returns the caller's account, as events name it. */
export function selectAccount({ userId: id, username }: Caller): { id: string; username: string } {
  return { id, username };
}

/** Returns the caller's fields of an audit entry. */
export function selectAuditFields({
  userId,
  username,
  address,
  userAgent,
}: Caller): Pick<NewAuditEntry, 'userId' | 'username' | 'ipAddress' | 'userAgent'> {
  return { userId, username, ipAddress: address, userAgent };
}
