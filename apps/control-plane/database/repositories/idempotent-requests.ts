import type { Executor } from '../database.ts';

/** Milliseconds for which an answer is kept for a repeated request. */
const KEPT = 24 * 60 * 60 * 1000;

/** A request that may be repeated. */
export interface IdempotentRequest {
  readonly userId: string;
  /** The caller's key for it. */
  readonly key: string;
  /** SHA-256 of method, path and body. */
  readonly requestHash: Buffer;
}

/** State of a request. */
export type Earlier =
  /** It was not sent before. */
  | { readonly kind: 'new' }
  /** The key was used for another request. */
  | { readonly kind: 'other' }
  /** It was begun; its outcome is not known, at least not yet. */
  | { readonly kind: 'begun' }
  /** It was answered; the body is null if it contained a secret. */
  | { readonly kind: 'answered'; readonly status: number; readonly body: string | null };

/** Records the start of a request, unless it was recorded before. */
export async function beginRequest(
  db: Executor,
  { userId, key, requestHash }: IdempotentRequest,
  now: Date,
): Promise<Earlier> {
  const { numInsertedOrUpdatedRows } = await db
    .insertInto('idempotentRequests')
    .values({ userId, key, requestHash, createdAt: now })
    .onConflict((one) =>
      one
        .columns(['userId', 'key'])
        .doUpdateSet({ requestHash, createdAt: now, status: null, body: null })
        .where('idempotentRequests.createdAt', '<', new Date(now.getTime() - KEPT)),
    )
    .executeTakeFirst();
  if (numInsertedOrUpdatedRows === 1n) return { kind: 'new' };
  const row = await db
    .selectFrom('idempotentRequests')
    .selectAll()
    .where('userId', '=', userId)
    .where('key', '=', key)
    .executeTakeFirst();
  if (row === undefined || row.status === null) return { kind: 'begun' };
  if (!row.requestHash.equals(requestHash)) return { kind: 'other' };
  return { kind: 'answered', status: row.status, body: row.body };
}

/** Stores the answer to a request. @param body null if it contains a secret */
export async function keepAnswer(
  db: Executor,
  { userId, key }: IdempotentRequest,
  { status, body }: { status: number; body: string | null },
): Promise<void> {
  await db
    .updateTable('idempotentRequests')
    .set({ status, body })
    .where('userId', '=', userId)
    .where('key', '=', key)
    .execute();
}

/** Removes a request that had no effect, so that it can be repeated. */
export async function forgetRequest(
  db: Executor,
  { userId, key }: IdempotentRequest,
): Promise<void> {
  await db
    .deleteFrom('idempotentRequests')
    .where('userId', '=', userId)
    .where('key', '=', key)
    .execute();
}

/** Removes requests that are older than the time for which answers are kept. */
export async function removeOldRequests(db: Executor, now: Date): Promise<void> {
  await db
    .deleteFrom('idempotentRequests')
    .where('createdAt', '<', new Date(now.getTime() - KEPT))
    .execute();
}
