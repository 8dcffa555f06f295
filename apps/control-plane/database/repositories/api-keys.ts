import { createHash, randomBytes } from 'node:crypto';
import type { Executor } from '../database.ts';
import { insertRow, type Row } from '../rows.ts';
import { listPermissions } from './roles.ts';

/** A key without what it is known by. */
export type ApiKey = Omit<Row<'apiKeys'>, 'keyHash'>;

/** What a key begins with, and bytes of its secret. */
const MARK = 'qxk_';
const SECRET_BYTES = 32;
const SHOWN = 8;

/** What a new key is to be. */
export interface ApiKeyRequest {
  readonly name: string;
  readonly createdBy: string;
  readonly permissions: readonly string[];
  readonly expiresAt: Date | null;
}

/**
 * Makes a key. It may do no more than its owner may, now and at each use.
 * @returns the key itself, which is not kept and can be shown this once
 * @throws RefusedChangeError if the owner has a key of this name
 */
export async function createApiKey(
  db: Executor,
  { name, createdBy, permissions, expiresAt }: ApiKeyRequest,
): Promise<{ secret: string; key: ApiKey }> {
  const secret = `${MARK}${randomBytes(SECRET_BYTES).toString('base64url')}`;
  const owned = new Set(await listPermissions(db, createdBy));
  const { keyHash: _hash, ...key } = await insertRow(db, 'apiKeys', {
    name,
    createdBy,
    expiresAt,
    prefix: secret.slice(0, MARK.length + SHOWN),
    keyHash: hashOf(secret),
    permissions: permissions.filter((one) => owned.has(one)),
  });
  return { secret, key };
}

/**
 * What the bearer of a key may do, and who its owner is.
 * @param now when it is used
 * @returns `undefined` if there is no such key, it was revoked or has expired, or its owner is disabled
 */
export async function useApiKey(
  db: Executor,
  secret: string,
  now: Date,
): Promise<{ userId: string; permissions: string[] } | undefined> {
  const key = await db
    .updateTable('apiKeys')
    .set({ lastUsed: now })
    .where('keyHash', '=', hashOf(secret))
    .where('revokedAt', 'is', null)
    .where((where) => where.or([where('expiresAt', 'is', null), where('expiresAt', '>', now)]))
    .returning(['createdBy', 'permissions'])
    .executeTakeFirst();
  if (key === undefined) return undefined;
  const owned = new Set(await listPermissions(db, key.createdBy));
  if (owned.size === 0) return undefined;
  const permissions = key.permissions.filter((one) => owned.has(one));
  return { userId: key.createdBy, permissions };
}

/** The keys of a user, oldest first. */
export async function listApiKeys(db: Executor, userId: string): Promise<ApiKey[]> {
  const rows = await db
    .selectFrom('apiKeys')
    .selectAll()
    .where('createdBy', '=', userId)
    .orderBy('createdAt')
    .execute();
  return rows.map(({ keyHash: _hash, ...key }) => key);
}

/** Revokes a key. @returns whether it was there and not revoked yet */
export async function revokeApiKey(db: Executor, id: string, now: Date): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('apiKeys')
    .set({ revokedAt: now })
    .where('id', '=', id)
    .where('revokedAt', 'is', null)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

/** A secret of 256 random bits needs neither salt nor a slow hash. */
function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}
