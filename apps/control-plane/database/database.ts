import { CamelCasePlugin, Kysely, PostgresDialect, type Transaction } from 'kysely';
import { type CustomTypesConfig, type Pool, types } from 'pg';
import type { Logger } from '../../log/logger.ts';
import { createPool, type DatabaseAddress, type PoolSize } from './connection.ts';
import { createPatience } from './patience.ts';
import { prepareFrequent } from './prepare.ts';
import type { DB } from './schema.ts';

/** Where repositories run statements: the database, or a transaction in it. */
export type Executor = Kysely<DB> | Transaction<DB>;

/** The control plane's database, through a pool of connections. */
export interface Database {
  readonly db: Kysely<DB>;
  /** The pool's counts, for metrics. */
  readonly pool: Pick<Pool, 'totalCount' | 'idleCount' | 'waitingCount'>;
  /**
   * Awaits work on the database for as long as the server answers; see `createPatience`.
   * @throws SilentDatabaseError within seconds after the server fell silent; the work itself goes on
   */
  whileItAnswers<T>(work: () => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** Opens the database; connects with the first statement. */
export function openDatabase(address: DatabaseAddress, size: PoolSize, log: Logger): Database {
  const pool = createPool(address, size, log, TYPES);
  const plugins = [new CamelCasePlugin({ maintainNestedObjectKeys: true })];
  const db = new Kysely<DB>({
    dialect: new PostgresDialect({ pool: prepareFrequent(pool) }),
    plugins,
  });
  return { db, pool, whileItAnswers: createPatience(address), close: () => db.destroy() };
}

/** Object identifier of a PostgreSQL type (pg_type.dat). */
const INT8 = 20;

/** Parses values as the generated schema types declare them: 64-bit integers as numbers, which are exact up to 2⁵³. */
const TYPES: CustomTypesConfig = {
  getTypeParser: (oid, format) => {
    if (oid === INT8) return parseInteger;
    return types.getTypeParser(oid, format);
  },
};

function parseInteger(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value)) return value;
  throw new RangeError(`${text} is too large to be an exact integer`);
}
