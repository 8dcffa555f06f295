import type { PostgresCursor, PostgresPool, PostgresPoolClient, PostgresQueryResult } from 'kysely';
import type { Pool, PoolClient } from 'pg';

/** Runs of a statement on one connection before it is prepared there: as many as PostgreSQL's JDBC driver waits for. */
const RUNS_BEFORE = 5;

/**
 * Maximum numbers of statements that are prepared on a connection, and that are counted for it: each takes memory of
 * the server.
 */
const MOST = 256;

/**
 * Creates a pool for Kysely whose connections prepare statements that are run often: parsing and planning take
 * PostgreSQL longer than running most of them.
 */
export function prepareFrequent(pool: Pool): PostgresPool {
  const clients = new WeakMap<PoolClient, PostgresPoolClient>();
  return {
    options: pool.options,
    connect: async () => {
      const client = await pool.connect();
      const known = clients.get(client) ?? new PreparingClient(client);
      clients.set(client, known);
      return known;
    },
    end: () => pool.end(),
  };
}

/** A connection that prepares statements that are run often. */
class PreparingClient implements PostgresPoolClient {
  readonly #client: PoolClient;
  /** Names of the prepared statements, by text. */
  readonly #names = new Map<string, string>();
  /** Number of runs of each other statement, by text; the statement that was run longest ago is first. */
  readonly #runs = new Map<string, number>();

  constructor(client: PoolClient) {
    this.#client = client;
  }

  query<R>(text: string, values: readonly unknown[]): Promise<PostgresQueryResult<R>>;
  query<R>(cursor: PostgresCursor<R>): PostgresCursor<R>;
  query<R>(
    text: string | PostgresCursor<R>,
    values: readonly unknown[] = [],
  ): Promise<PostgresQueryResult<R>> | PostgresCursor<R> {
    if (typeof text !== 'string') throw new TypeError('cursors are not used here');
    const name = this.#nameOf(text);
    const query = { text, values: [...values], ...(name === undefined ? {} : { name }) };
    return this.#client.query(query) as unknown as Promise<PostgresQueryResult<R>>;
  }

  release(destroy?: boolean): void {
    this.#client.release(destroy);
  }

  /** Counts a run. @returns the name under which the statement is prepared; undefined if it is not */
  #nameOf(text: string): string | undefined {
    const known = this.#names.get(text);
    if (known !== undefined) return known;
    // A migration that adds a column changes the result of `*`; PostgreSQL refuses this for a prepared statement.
    if (text.includes('*') || this.#names.size === MOST) return undefined;
    const runs = (this.#runs.get(text) ?? 0) + 1;
    this.#runs.delete(text);
    if (runs > RUNS_BEFORE) {
      const name = `frequent_${this.#names.size}`;
      this.#names.set(text, name);
      return name;
    }
    this.#runs.set(text, runs);
    const [oldest] = this.#runs.keys();
    if (this.#runs.size > MOST && oldest !== undefined) this.#runs.delete(oldest);
    return undefined;
  }
}
