import { sql } from 'kysely';
import { ApiError } from '../../http/error.ts';
import type { Executor } from '../database/database.ts';
import { listDepartedNodes } from '../database/repositories/departed-nodes.ts';

/** Objects that an operator names by an id, the prefix of an id, or a name. */
const KINDS = {
  node: { table: 'nodes', name: 'hostname', noun: 'node' },
  vm: { table: 'virtual_machines', name: 'name', noun: 'virtual machine' },
  pool: { table: 'storage_pools', name: 'name', noun: 'storage pool' },
  task: { table: 'tasks', name: undefined, noun: 'task' },
  rollout: { table: 'update_rollouts', name: 'version', noun: 'roll-out' },
  token: { table: 'join_tokens', name: undefined, noun: 'join token' },
  alert: { table: 'alerts', name: undefined, noun: 'alert' },
  user: { table: 'users', name: 'username', noun: 'account' },
} as const;

export type Kind = keyof typeof KINDS;

/** Shortest prefix of an id that is accepted. */
const SHORTEST = 4;

const ID_BEGINNING = /^[0-9a-f-]{4,36}$/;

/** Number of ids that are listed if several match. */
const SHOWN = 5;

/**
 * Finds an object: by its id, else by its name, else by a prefix of its id of at least four characters.
 * @param encoded percent-encoded, as in a request's path
 * @returns its id
 * @throws ApiError 404 if there is none, 409 if several match, 400 if the name is invalid, 410 for a departed node
 */
export async function find(db: Executor, kind: Kind, encoded: string): Promise<string> {
  const given = decode(encoded);
  const { table, name, noun } = KINDS[kind];
  const beginning = ID_BEGINNING.test(given.toLowerCase()) ? given.toLowerCase() : undefined;
  const byName = name === undefined ? sql`false` : sql`${sql.ref(name)} = ${given}`;
  const byId = beginning === undefined ? sql`false` : sql`starts_with(id::text, ${beginning})`;
  const { rows } = await sql<{ id: string; named: boolean }>`
    SELECT id, ${byName} AS named FROM ${sql.table(table)} WHERE ${byName} OR ${byId}
    ORDER BY id LIMIT 100`.execute(db);
  const exact = rows.filter(({ id }) => id === beginning);
  const named = rows.filter((row) => row.named);
  const found = [exact, named, rows].find((some) => some.length > 0) ?? [];
  const [first] = found;
  if (first !== undefined && found.length === 1) return first.id;
  const shown = JSON.stringify(given.slice(0, 80));
  if (first !== undefined) {
    const ids = found.slice(0, SHOWN).map(({ id }) => id);
    const rest = found.length > SHOWN ? ', …' : '';
    throw new ApiError(
      409,
      `${shown} stands for ${found.length} ${noun}s: ${ids.join(', ')}${rest}`,
      {
        fix: 'Give more of its id.',
      },
    );
  }
  if (kind === 'node') await refuseDeparted(db, given);
  const short =
    given.length < SHORTEST ? ` An id is shortened to ${SHORTEST} characters at most.` : '';
  throw new ApiError(404, `there is no ${noun} ${shown}`, {
    fix: `${WHERE[kind]} lists them.${short}`,
  });
}

const WHERE: Readonly<Record<Kind, string>> = {
  node: 'qx-controlplane nodes list',
  vm: 'qx-controlplane vms list',
  pool: 'qx-controlplane pools list',
  task: 'qx-controlplane tasks list',
  rollout: 'qx-controlplane updates list',
  token: 'qx-controlplane token list',
  alert: 'qx-controlplane alerts list --all',
  user: 'qx-controlplane users list',
};

/** @throws ApiError saying when and by whom a node was deleted, if it was */
async function refuseDeparted(db: Executor, given: string): Promise<void> {
  const gone = (await listDepartedNodes(db)).find(
    ({ nodeId, hostname }) => hostname === given || nodeId === given.toLowerCase(),
  );
  if (gone === undefined) return;
  const { hostname, how, departedAt, departedBy } = gone;
  const what = how === 'DELETED' ? `was deleted by ${departedBy}` : 'has left';
  throw new ApiError(410, `${hostname} ${what} at ${departedAt.toISOString()}`, {
    fix: 'It comes back with a new join token.',
  });
}

function decode(encoded: string): string {
  try {
    const given = decodeURIComponent(encoded);
    if (given.includes('\0')) throw new URIError('NUL');
    return given;
  } catch {
    throw new ApiError(400, `${JSON.stringify(encoded.slice(0, 80))} is not a valid name`);
  }
}
