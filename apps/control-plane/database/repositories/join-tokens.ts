import { createHash, randomBytes } from 'node:crypto';
import type { Kysely } from 'kysely';
import type { Executor } from '../database.ts';
import { findRow, insertRow, listRows, type Row } from '../rows.ts';
import type { DB } from '../schema.ts';
import { enterAudit } from './audit-log.ts';
import { readmitNode } from './departed-nodes.ts';

/** A token without its hash. */
export type JoinToken = Omit<Row<'joinTokens'>, 'secretHash'>;

/** A key that has used a token. */
export type JoinTokenUse = Row<'joinTokenUses'>;

/** Values of a new token. */
export interface JoinTokenRequest {
  readonly description: string;
  readonly createdBy: string;
  /** Maximum number of hosts that may join with the token. */
  readonly maxUses: number;
  readonly expiresAt: Date;
}

/** The host that presents a token. */
export interface JoinTokenBearer {
  readonly secret: string;
  /** Derived from the bearer's key. */
  readonly nodeId: string;
  readonly hostname: string;
  /** Address from which the call came. */
  readonly address: string;
  readonly now: Date;
}

/** The result of presenting a token. A revoked token is treated as unknown. */
export type JoinTokenVerdict = 'accepted' | 'unknown' | 'used' | 'expired';

/** Bytes of a secret. */
const SECRET_BYTES = 32;

/**
 * Creates a token, with an entry in the audit log.
 * @returns the secret, which is not stored and can be shown only once
 * @throws RefusedChangeError if a value is out of range
 */
export async function createJoinToken(
  db: Kysely<DB>,
  { description, createdBy, maxUses, expiresAt }: JoinTokenRequest,
): Promise<{ secret: string; token: JoinToken }> {
  const secret = randomBytes(SECRET_BYTES).toString('base64url');
  const token = await db.transaction().execute(async (transaction) => {
    const row = await insertRow(transaction, 'joinTokens', {
      ...{ description, createdBy, maxUses, expiresAt },
      secretHash: hashOf(secret),
    });
    const details = { description, maxUses, expiresAt: expiresAt.toISOString() };
    await enterAudit(transaction, {
      ...{ action: 'join-token.create', username: createdBy, details },
      ...{ resourceType: 'join-token', resourceId: row.id },
    });
    return withoutHash(row);
  });
  return { secret, token };
}

/**
 * Checks the token that a host presents, and records its use. A token is bound to the first keys that use it, up to its
 * number of uses; each of these keys may use it again until it expires. A node that was deleted or has left is
 * readmitted only by a token that it has not used before; for a token that it has used, the result is `used`. The audit
 * log records the first use by each key.
 */
export async function useJoinToken(
  db: Kysely<DB>,
  { secret, nodeId, hostname, address, now }: JoinTokenBearer,
): Promise<JoinTokenVerdict> {
  return await db.transaction().execute(async (transaction) => {
    // Locks the row: if two keys compete for the last use, the second sees the use of the first.
    const token = await transaction
      .selectFrom('joinTokens')
      .selectAll()
      .where('secretHash', '=', hashOf(secret))
      .where('revokedAt', 'is', null)
      .forUpdate()
      .executeTakeFirst();
    if (token === undefined) return 'unknown';
    if (token.expiresAt <= now) return 'expired';
    const uses = await listUses(transaction, [token.id]);
    const own = uses.find((one) => one.nodeId === nodeId);
    if (own === undefined && uses.length >= token.maxUses) return 'used';
    const departed = await transaction
      .selectFrom('departedNodes')
      .select('nodeId')
      .where('nodeId', '=', nodeId)
      .forUpdate()
      .executeTakeFirst();
    if (own !== undefined) {
      if (departed !== undefined) return 'used';
      await transaction
        .updateTable('joinTokenUses')
        .set({ lastUsedAt: now, hostname, address })
        .where('tokenId', '=', token.id)
        .where('nodeId', '=', nodeId)
        .execute();
      return 'accepted';
    }
    const use = { tokenId: token.id, nodeId, hostname, address };
    await insertRow(transaction, 'joinTokenUses', { ...use, firstUsedAt: now, lastUsedAt: now });
    if (departed !== undefined) await readmitNode(transaction, nodeId);
    await enterAudit(transaction, {
      ...{ action: 'node.join', details: { token: token.id, address } },
      ...{ resourceType: 'node', resourceId: nodeId, resourceName: hostname },
    });
    return 'accepted';
  });
}

/** Lists all tokens, oldest first, each with the keys that have used it. */
export async function listJoinTokens(
  db: Executor,
): Promise<(JoinToken & { uses: JoinTokenUse[] })[]> {
  const tokens = await listRows(db, 'joinTokens');
  const uses = await listUses(
    db,
    tokens.map(({ id }) => id),
  );
  const byToken = Map.groupBy(uses, ({ tokenId }) => tokenId);
  return tokens.map((row) => ({ ...withoutHash(row), uses: byToken.get(row.id) ?? [] }));
}

/**
 * Revokes a token, with an entry in the audit log; nodes that joined with it stay.
 * @returns whether it existed and was not revoked yet
 */
export async function revokeJoinToken(
  db: Kysely<DB>,
  id: string,
  { by, now }: { by: string; now: Date },
): Promise<boolean> {
  return await db.transaction().execute(async (transaction) => {
    const { numUpdatedRows } = await transaction
      .updateTable('joinTokens')
      .set({ revokedAt: now })
      .where('id', '=', id)
      .where('revokedAt', 'is', null)
      .executeTakeFirst();
    if (numUpdatedRows === 0n) return false;
    await enterAudit(transaction, {
      ...{ action: 'join-token.revoke', username: by },
      ...{ resourceType: 'join-token', resourceId: id },
    });
    return true;
  });
}

export async function findJoinToken(db: Executor, id: string): Promise<JoinToken | undefined> {
  const row = await findRow(db, 'joinTokens', id);
  return row === undefined ? undefined : withoutHash(row);
}

async function listUses(db: Executor, tokens: readonly string[]): Promise<JoinTokenUse[]> {
  if (tokens.length === 0) return [];
  return await db
    .selectFrom('joinTokenUses')
    .selectAll()
    .where('tokenId', 'in', tokens)
    .orderBy('firstUsedAt')
    .orderBy('nodeId')
    .execute();
}

function withoutHash({ secretHash: _hash, ...token }: Row<'joinTokens'>): JoinToken {
  return token;
}

/** Hashes a secret; with 256 random bits, it needs neither a salt nor a slow hash. */
function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}
