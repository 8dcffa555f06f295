import { DatabaseError } from 'pg';
import { ControlPlaneError } from '../error.ts';

/** Why the database refuses a change. */
export type RefusalReason =
  /** Something with this name, number or key is there already. */
  | 'exists'
  /** It refers to something that is not there. */
  | 'missing'
  /** Something else refers to it. */
  | 'in-use'
  /** A value is none of its set, out of its range, or not of its type. */
  | 'invalid';

/** The database refuses a change because of what the caller asked for. */
export class RefusedChangeError extends ControlPlaneError {
  readonly reason: RefusalReason;
  /** Constraint of the schema, where there is one: `volumes_pool_id_name_key`. */
  readonly constraint: string | undefined;

  constructor(reason: RefusalReason, what: string, cause: DatabaseError) {
    super({ what, where: cause.constraint ?? cause.column ?? cause.table, cause });
    this.reason = reason;
    this.constraint = cause.constraint;
  }
}

/** Codes of PostgreSQL (its appendix A) that the caller's values are to blame for. */
const FOREIGN_KEY = '23503';
const REASONS: Readonly<Record<string, RefusalReason>> = {
  '23505': 'exists',
  '23514': 'invalid',
  '23502': 'invalid',
  // Not a number, an address, a date, a UUID; too large; a text with NUL.
  '22P02': 'invalid',
  '22003': 'invalid',
  '22007': 'invalid',
  '22008': 'invalid',
  '22021': 'invalid',
  '22P05': 'invalid',
};

/**
 * Runs a change, and tells what the database refuses in words for people.
 * @throws RefusedChangeError if the caller's values are to blame; anything else as it is
 */
export async function explainRefusal<T>(change: Promise<T>): Promise<T> {
  try {
    return await change;
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error;
    const reason = error.code === FOREIGN_KEY ? foreignKeyReason(error) : REASONS[error.code ?? ''];
    if (reason === undefined) throw error;
    throw new RefusedChangeError(reason, error.detail?.replace(/\.$/, '') ?? error.message, error);
  }
}

/** One code stands for both directions of a reference. */
function foreignKeyReason({ detail = '' }: DatabaseError): RefusalReason {
  return detail.includes('is still referenced') ? 'in-use' : 'missing';
}
