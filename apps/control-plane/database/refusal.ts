import { DatabaseError } from 'pg';
import { ControlPlaneError } from '../error.ts';

/** Why the database refused a change. */
export type RefusalReason =
  /** Something with this name, number or key exists already. */
  | 'exists'
  /** It refers to something that does not exist. */
  | 'missing'
  /** Something else refers to it. */
  | 'in-use'
  /** A value is outside its set or range, or not of its type. */
  | 'invalid';

/** Thrown if the database refuses a change because of the caller's values. */
export class RefusedChangeError extends ControlPlaneError {
  readonly reason: RefusalReason;
  /** Violated constraint of the schema, if there is one: `volumes_pool_id_name_key`. */
  readonly constraint: string | undefined;

  constructor(reason: RefusalReason, what: string, cause: DatabaseError) {
    const where =
      reason === 'exists' ? undefined : (cause.constraint ?? cause.column ?? cause.table);
    super({ what, where, cause });
    this.reason = reason;
    this.constraint = cause.constraint;
  }
}

/** Codes of PostgreSQL (its appendix A) for errors that the caller's values cause. */
const FOREIGN_KEY = '23503';
const REASONS: Readonly<Record<string, RefusalReason>> = {
  '23505': 'exists',
  '23514': 'invalid',
  '23502': 'invalid',
  // Not a number, an address, a date or a UUID; too large; a text with NUL.
  '22P02': 'invalid',
  '22003': 'invalid',
  '22007': 'invalid',
  '22008': 'invalid',
  '22021': 'invalid',
  '22P05': 'invalid',
};

/**
 * Awaits a change, and explains a refusal of the database to people.
 * @throws RefusedChangeError if the caller's values are the cause; any other error unchanged
 */
export async function explainRefusal<T>(change: Promise<T>): Promise<T> {
  try {
    return await change;
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error;
    const reason = error.code === FOREIGN_KEY ? foreignKeyReason(error) : REASONS[error.code ?? ''];
    if (reason === undefined) throw error;
    throw new RefusedChangeError(reason, whatOf(error), error);
  }
}

/** Describes a refusal without PostgreSQL's notation for keys: `Key (username)=(ada) already exists.` */
function whatOf({ detail, message }: DatabaseError): string {
  if (detail === undefined) return message;
  const [, columns, values] = /^Key \((.+?)\)=\((.*)\) already exists\.$/s.exec(detail) ?? [];
  if (columns === undefined) return detail.replace(/\.$/, '');
  return `${columns} ${JSON.stringify(values)} already exists`;
}

/** Codes of PostgreSQL (its appendix A), or of a socket, that mean that the database is unavailable. */
const AWAY = /^(08...|53...|57...|55P03|25P0[34]|40...|ECONN[A-Z]+|ENOENT|EPIPE|ETIMEDOUT|EACCES)$/;

/** Whether an error says that the database does not answer at the moment, or not in time. */
export function isUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return (
    AWAY.test(code) ||
    /timeout exceeded when trying to connect|timeout expired|Connection terminated|not queryable/.test(
      error.message,
    )
  );
}

/** Finds the direction of a violated reference: both directions have the same code. */
function foreignKeyReason({ detail = '' }: DatabaseError): RefusalReason {
  return detail.includes('is still referenced') ? 'in-use' : 'missing';
}
