import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import {
  type DatabaseAddress,
  openConnection,
} from '../../apps/control-plane/database/connection.ts';

/** Returns the types of a migrated schema: the text of `apps/control-plane/database/schema.ts`. */
export async function generateSchema({
  socketFolder,
  database,
  user,
}: DatabaseAddress): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'quantix-schema-'));
  const file = join(folder, 'schema.ts');
  const url = `postgresql://${user}@localhost/${database}?host=${encodeURIComponent(socketFolder)}`;
  try {
    const source = ['--dialect', 'postgres', '--url', url, '--include-pattern', 'public.*'];
    const form = ['--camel-case', '--out-file', file, '--type-mapping', '{"int8":"number"}'];
    await execa('kysely-codegen', [...source, ...form], { preferLocal: true });
    return await readFile(file, 'utf8');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A column in PostgreSQL's catalogue. */
interface Column {
  readonly table: string;
  readonly name: string;
  readonly type: string;
  readonly isKey: boolean;
  readonly isNullable: boolean;
  /** Table that the column refers to. */
  readonly target: string | null;
}

/** Returns the tables of a migrated schema with their columns, in the format of `docs/database.md`. */
export async function describeSchema(address: DatabaseAddress): Promise<string> {
  const client = await openConnection(address);
  try {
    const { rows } = await client.query<Column>(`
      SELECT c.relname AS "table", a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type,
        NOT a.attnotnull AS "isNullable",
        EXISTS (SELECT FROM pg_constraint WHERE conrelid = c.oid AND contype = 'p' AND a.attnum = ANY (conkey)) AS "isKey",
        (SELECT min(confrelid::regclass::text) FROM pg_constraint
          WHERE conrelid = c.oid AND contype = 'f' AND conkey = ARRAY[a.attnum]) AS target
      FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
      WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
      ORDER BY c.relname, a.attnum`);
    const tables = Map.groupBy(rows, ({ table }) => table);
    const lines = [...tables].map(
      ([table, columns]) => `- \`${table}\`: ${columns.map(describeColumn).join(', ')}\n`,
    );
    return lines.join('');
  } finally {
    await client.end();
  }
}

function describeColumn({ name, type, isKey, isNullable, target }: Column): string {
  const shown = isKey ? `**${name}**` : name;
  const short = type.replace('timestamp with time zone', 'timestamptz');
  return `${shown} ${short}${isNullable ? '?' : ''}${target === null ? '' : ` → ${target}`}`;
}
