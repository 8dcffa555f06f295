import { createHash, randomBytes } from 'node:crypto';
import type { Executor } from '../database.ts';
import { insertRow, type Row } from '../rows.ts';
import { listPermissions } from './roles.ts';

/** A key without its hash. */
export type ApiKey = Omit<Row<'apiKeys'>, 'keyHash'>;

/** Prefix of every key, number of bytes of its secret, and number of characters of the secret that are shown. */
const MARK = 'qxk_';
const SECRET_BYTES = 32;
const SHOWN = 8;

/** Values of a new key. */
export interface ApiKeyRequest {
  readonly name: string;
  readonly createdBy: string;
  readonly permissions: readonly string[];
  readonly expiresAt: Date | null;
}

/**
 * Creates an API key with those of the requested permissions that its owner has. At each use, the key permits only what
 * its owner may do then.
 * @returns the key itself, which is not stored and can be shown only once
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
 * Records the use of a key, and returns its owner and the permissions that it grants.
 * @param now time of the use
 * @returns `undefined` if the key does not exist, was revoked or has expired, or its owner is disabled
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

/** Lists the keys of a user, oldest first. */
export async function listApiKeys(db: Executor, userId: string): Promise<ApiKey[]> {
  const rows = await db
    .selectFrom('apiKeys')
    .selectAll()
    .where('createdBy', '=', userId)
    .orderBy('createdAt')
    .execute();
  return rows.map(({ keyHash: _hash, ...key }) => key);
}

/** Revokes a key. @returns whether it existed and was not revoked yet */
export async function revokeApiKey(db: Executor, id: string, now: Date): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('apiKeys')
    .set({ revokedAt: now })
    .where('id', '=', id)
    .where('revokedAt', 'is', null)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

/** Hashes a secret; with 256 random bits, it needs neither a salt nor a slow hash. */
function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}
