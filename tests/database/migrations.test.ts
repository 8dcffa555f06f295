import { copyFile, cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { execa } from 'execa';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DatabaseAddress } from '../../apps/control-plane/database/connection.ts';
import { dumpBeforeMigration } from '../../apps/control-plane/database/dump.ts';
import { NewerSchemaError } from '../../apps/control-plane/database/ledger.ts';
import {
  type MigrateRequest,
  migrateDown,
  migrateUp,
  readMigrationStatus,
  tryMigrations,
} from '../../apps/control-plane/database/migrate.ts';
import { VALUE_SETS } from '../../apps/control-plane/database/values.ts';
import { ControlPlaneError } from '../../apps/control-plane/error.ts';
import { MIGRATION_NAMES, MIGRATIONS, makeDatabase, SILENT, withSuperuser } from './database.ts';
import { generateSchema } from './generate-schema.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quantix-migrations-'));
});
afterAll(() => rm(folder, { recursive: true }));

function request(address: DatabaseAddress, changed: Partial<MigrateRequest> = {}): MigrateRequest {
  return {
    address,
    folder: MIGRATIONS,
    programVersion: '1.0.0',
    log: SILENT,
    dump: async () => undefined,
    ...changed,
  };
}

/** A folder with the first migrations of the image, and perhaps further files. */
async function migrationsUpTo(
  count: number,
  further: Record<string, string> = {},
): Promise<string> {
  const made = await mkdtemp(join(folder, 'some-'));
  for (const name of await readdir(MIGRATIONS)) {
    if (Number(name.slice(0, 6)) <= count) await copyFile(join(MIGRATIONS, name), join(made, name));
  }
  for (const [name, text] of Object.entries(further)) await writeFile(join(made, name), text);
  return made;
}

async function dumpSchema({ socketFolder, database }: DatabaseAddress): Promise<string> {
  const from = ['--host', socketFolder, '--username', 'postgres', '--schema', 'public'];
  // With a fixed key, two dumps of one schema are equal; the default key is random.
  const { stdout } = await execa('pg_dump', [...from, '-s', '--restrict-key=x', database]);
  return stdout;
}

async function query<T>({ socketFolder, ...rest }: DatabaseAddress, sql: string): Promise<T[]> {
  const client = new Client({ host: socketFolder, ...rest });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

describe('a connection that PostgreSQL ends', () => {
  /** Ends the connections to a database that wait for a lock; waits until there is one. */
  async function endWaiting({ socketFolder, database }: DatabaseAddress): Promise<void> {
    const end = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = '${database}' AND wait_event_type = 'Lock'`;
    await expect
      .poll(() => withSuperuser(socketFolder, async (client) => (await client.query(end)).rowCount))
      .toBeGreaterThan(0);
  }
  /** Runs work while another session holds what a statement locks, and ends the connection of the work. */
  async function cutOff(
    address: DatabaseAddress,
    statement: string,
    work: () => Promise<unknown>,
  ): Promise<unknown> {
    const { socketFolder, ...rest } = address;
    const holder = new Client({ host: socketFolder, ...rest });
    await holder.connect();
    try {
      await holder.query(`BEGIN; ${statement}`);
      const [error] = await Promise.all([work().catch((one: unknown) => one), endWaiting(address)]);
      return error;
    } finally {
      await holder.end();
    }
  }
  const LOCK_LEDGER = 'LOCK TABLE migrations.ledger IN ACCESS EXCLUSIVE MODE';
  const LOCK_MIGRATIONS = 'SELECT pg_advisory_xact_lock(7305917620155001)';

  test.each([
    ['the ledger is read', LOCK_LEDGER, readMigrationStatus],
    ['the lock is awaited', LOCK_MIGRATIONS, migrateUp],
    ['the lock is awaited for a trial', LOCK_MIGRATIONS, tryMigrations],
  ])('while %s is an error for people', async (_when, statement, work) => {
    await using made = await makeDatabase('migrated');
    const { address } = made;
    const error = await cutOff(address, statement, () => work(request(address)));
    expect(error).toBeInstanceOf(ControlPlaneError);
    expect(String(error)).toContain('terminating connection');
  });

  test('between two statements is an error for people', async () => {
    await using made = await makeDatabase('empty');
    const { address } = made;
    await migrateUp(request(address, { folder: await migrationsUpTo(10) }));
    const dump = async () => {
      const end = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = '${address.database}'`;
      await withSuperuser(address.socketFolder, (client) => client.query(end));
      // The end of the connection arrives.
      await setTimeout(100);
    };
    await expect(migrateUp(request(address, { dump }))).rejects.toBeInstanceOf(ControlPlaneError);
    expect((await migrateUp(request(address))).length).toBe(MIGRATION_NAMES.length - 10);
  });
});

test('the migrations are applied in order, each once', async () => {
  await using made = await makeDatabase('empty');
  const { address } = made;
  expect((await readMigrationStatus(request(address))).pending.map(({ name }) => name)).toEqual(
    MIGRATION_NAMES,
  );
  expect((await migrateUp(request(address))).map(({ name }) => name)).toEqual(MIGRATION_NAMES);
  const { applied, pending } = await readMigrationStatus(request(address));
  expect(applied.map(({ name, programVersion }) => [name, programVersion])).toEqual(
    MIGRATION_NAMES.map((name) => [name, '1.0.0']),
  );
  expect(pending).toEqual([]);
  expect(await migrateUp(request(address))).toEqual([]);
});

test('undoing each migration restores the earlier schema, and applying it again the later one', async () => {
  await using made = await makeDatabase('empty');
  const { address } = made;
  const schemas = [await dumpSchema(address)];
  for (const version of MIGRATION_NAMES.keys()) {
    await migrateUp(request(address, { folder: await migrationsUpTo(version + 1) }));
    schemas.push(await dumpSchema(address));
  }
  for (const version of [...MIGRATION_NAMES.keys()].reverse()) {
    const known = request(address, { folder: await migrationsUpTo(version + 1) });
    expect((await migrateDown(known, 1)).map(({ name }) => name)).toEqual([
      MIGRATION_NAMES[version],
    ]);
    expect(await dumpSchema(address)).toBe(schemas[version]);
  }
  await migrateUp(request(address));
  expect(await dumpSchema(address)).toBe(schemas.at(-1));
}, 180_000);

const NODE = '11111111-1111-8111-8111-111111111111';
const OTHER = '22222222-2222-8222-8222-222222222222';

/** Version of the schema → SQL with data of people and hosts that the version can hold. It may run twice. */
const DATA: Readonly<Record<number, string>> = {
  1: `INSERT INTO nodes (id, hostname, management_ip, phase)
        VALUES ('${NODE}', 'one', '10.0.0.1', 'MAINTENANCE'), ('${OTHER}', 'two', '10.0.0.2', 'READY') ON CONFLICT DO NOTHING;
      INSERT INTO virtual_machines (id, name, project_id, node_id, power_state)
        VALUES ('33333333-3333-8333-8333-333333333333', 'web', '00000000-0000-0000-0000-000000000001', '${NODE}', 'RUNNING')
        ON CONFLICT DO NOTHING;
      INSERT INTO storage_pools (id, name, pool_type) VALUES ('44444444-4444-8444-8444-444444444444', 'fast', 'NFS')
        ON CONFLICT DO NOTHING;
      INSERT INTO volumes (name, pool_id, size_bytes) SELECT 'disk', id, 4096 FROM storage_pools WHERE name = 'fast'
        ON CONFLICT DO NOTHING;
      INSERT INTO virtual_networks (id, name, network_type) VALUES ('${NODE}', 'wire', 'EXTERNAL') ON CONFLICT DO NOTHING;
      INSERT INTO alerts (severity, title, source_type) VALUES ('INFO', 'hm', 'VM') ON CONFLICT DO NOTHING;
      INSERT INTO node_heartbeats (node_id, received_at, epoch, sequence) VALUES ('${NODE}', now(), 1, 1)
        ON CONFLICT DO NOTHING;
      INSERT INTO users (username) VALUES ('ada') ON CONFLICT DO NOTHING;
      INSERT INTO audit_log (action) VALUES ('a'), ('b')`,
  2: `INSERT INTO api_keys (name, prefix, key_hash, created_by) SELECT 'k', 'qx', sha256('k'), id FROM users
        ON CONFLICT DO NOTHING;
      INSERT INTO roles (name, permissions) VALUES ('own', ARRAY['vm:read']) ON CONFLICT DO NOTHING;
      INSERT INTO tasks (node_id, verb, object_type, object_id, request, requested_by, expires_at)
        VALUES ('${NODE}', 'startVm', 'VM', 'x', '{}', 'ada', now())`,
  3: `UPDATE storage_pools SET labels = '{"tier": "gold"}', assigned_node_ids = ARRAY['${NODE}'::uuid]`,
  4: `UPDATE volumes SET labels = '{"of": "web"}', device_path = '/dev/vda'`,
  5: `INSERT INTO pool_host_statuses (pool_id, node_id, health) SELECT id, '${NODE}', 'HEALTHY' FROM storage_pools
        ON CONFLICT DO NOTHING`,
  6: `INSERT INTO folders (name, parent_id) VALUES ('mine', '10000000-0000-0000-0000-000000000001')
        ON CONFLICT DO NOTHING;
      UPDATE virtual_machines SET folder_id = (SELECT id FROM folders WHERE name = 'mine')`,
  7: `INSERT INTO customization_specs (name, type, linux_spec) VALUES ('own', 'LINUX', '{}') ON CONFLICT DO NOTHING`,
  8: `INSERT INTO subnet_pools (id, network_id, cidr, gateway, alloc_start, alloc_end)
        VALUES ('${NODE}', '${NODE}', '10.1.0.0/24', '10.1.0.1', '10.1.0.2', '10.1.0.9') ON CONFLICT DO NOTHING;
      INSERT INTO ip_allocations (network_id, pool_id, ip_address) VALUES ('${NODE}', '${NODE}', '10.1.0.2')
        ON CONFLICT DO NOTHING`,
  // Each host has a pool and a machine of these names.
  9: `INSERT INTO storage_pools (name, pool_type, origin, is_managed, host_pool_id, host_node_id)
        SELECT 'data', 'DIRECTORY', 'host-discovered', false, 'data', id FROM nodes ON CONFLICT DO NOTHING`,
  10: `INSERT INTO virtual_machines (id, name, project_id, node_id, origin, is_managed)
        SELECT id, 'mail', '00000000-0000-0000-0000-000000000001', id, 'host-discovered', false FROM nodes
        ON CONFLICT DO NOTHING;
      UPDATE virtual_machines SET lost_at = now(), lost_reason = 'gone' WHERE name = 'web';
      INSERT INTO reported_vms (node_id, vm_id, power_state, report) SELECT id, id::text, 'RUNNING', '' FROM nodes
        ON CONFLICT DO NOTHING`,
  11: `INSERT INTO audit_log (action) VALUES ('c'); SELECT number_events(10)`,
  12: `INSERT INTO sessions (token_hash, user_id, address, network, created_at, last_used_at, expires_at)
        SELECT sha256('t'), id, '10.0.0.9', '10.0.0.9', now(), now(), now() FROM users ON CONFLICT DO NOTHING`,
  13: `INSERT INTO people_certificate (single, chain, private_key, set_by, set_at)
        VALUES (true, 'chain', 'key', 'ada', now()) ON CONFLICT DO NOTHING`,
  14: `UPDATE audit_log_anchor AS anchor SET sequence = entry.sequence, hash = entry.hash
        FROM audit_log AS entry WHERE entry.sequence = anchor.sequence + 1`,
  15: `INSERT INTO certificate_order (single, directory, authority, names, contact, account_key)
        VALUES (true, 'https://ca.example/', '', ARRAY['qvdc.example'], '', 'key') ON CONFLICT DO NOTHING`,
};

type Content = Readonly<Record<string, readonly Record<string, unknown>[]>>;

/**
 * All rows of all tables, without the times at which they were changed last, and without the head of the audit log, which
 * moves with each entry.
 */
async function readContent(address: DatabaseAddress): Promise<Content> {
  const tables = await query<{ name: string }>(
    address,
    `SELECT tablename AS name FROM pg_tables
      WHERE schemaname = 'public' AND tablename <> 'audit_log_head' ORDER BY 1`,
  );
  if (tables.length === 0) return {};
  const rows = await query<{ name: string; row: Record<string, unknown> }>(
    address,
    tables
      .map(
        ({ name }) => `SELECT '${name}' AS name, to_jsonb(t) - 'updated_at' AS row FROM ${name} t`,
      )
      .join(' UNION ALL '),
  );
  const of = Map.groupBy(rows, ({ name }) => name);
  return Object.fromEntries(
    tables.map(({ name }) => [name, (of.get(name) ?? []).map(({ row }) => row)]),
  );
}

/** Whether a value contains another one: a migration may add columns to a row, and entries to a list. */
function has(whole: unknown, part: unknown): boolean {
  if (Array.isArray(whole) && Array.isArray(part)) {
    return part.every((one) => whole.some((other) => has(other, one)));
  }
  if (!(whole instanceof Object && part instanceof Object)) return whole === part;
  return Object.entries(part).every(([key, one]) => has(Reflect.get(whole, key), one));
}

/** Lists the rows of `part` that `whole` does not contain. */
function missingFrom(whole: Content, part: Content): readonly string[] {
  return Object.entries(part).flatMap(([name, rows]) =>
    rows
      .filter((row) => !(whole[name] ?? []).some((other) => has(other, row)))
      .map((row) => `${name}: ${JSON.stringify(row)}`),
  );
}

test('each migration keeps existing data when it is applied, undone and applied again, even beside data that only its own schema can hold', async () => {
  expect(Object.keys(DATA)).toHaveLength(MIGRATION_NAMES.length);
  await using made = await makeDatabase('empty');
  const { address } = made;
  for (const index of MIGRATION_NAMES.keys()) {
    const known = request(address, { folder: await migrationsUpTo(index + 1) });
    const before = await readContent(address);
    await migrateUp(known);
    expect(missingFrom(await readContent(address), before)).toEqual([]);
    await migrateDown(known, 1);
    expect(missingFrom(await readContent(address), before)).toEqual([]);
    await migrateUp(known);
    await query(address, DATA[index + 1] ?? '');
    await migrateDown(known, 1);
    await migrateUp(known);
    expect(missingFrom(await readContent(address), before)).toEqual([]);
    await query(address, DATA[index + 1] ?? '');
  }
  // The anchor was moved before the migration was taken back, and again after it was applied again.
  expect(await query(address, 'SELECT sequence::int FROM audit_log_anchor')).toEqual([
    { sequence: 2 },
  ]);
  const origins = `SELECT name, origin, is_managed, count(*)::int FROM (
      SELECT name, origin, is_managed FROM virtual_machines UNION ALL SELECT name, origin, is_managed FROM storage_pools
    ) AS one GROUP BY 1, 2, 3 ORDER BY 1`;
  expect(await query(address, origins)).toEqual([
    { name: 'data', origin: 'host-discovered', is_managed: false, count: 2 },
    { name: 'fast', origin: 'control-plane', is_managed: true, count: 1 },
    { name: 'mail', origin: 'host-discovered', is_managed: false, count: 2 },
    { name: 'web', origin: 'control-plane', is_managed: true, count: 1 },
  ]);
}, 240_000);

test('a database of a newer program is refused with both versions, and not changed', async () => {
  await using made = await makeDatabase('empty');
  const { address } = made;
  await migrateUp(request(address, { programVersion: '2.0.0' }));
  const older = request(address, { folder: await migrationsUpTo(9) });
  const before = await dumpSchema(address);
  const acts = [
    () => migrateUp(older),
    () => readMigrationStatus(older),
    () => migrateDown(older, 1),
  ];
  for (const act of acts) {
    const error: unknown = await act().catch((one: unknown) => one);
    expect(error).toBeInstanceOf(NewerSchemaError);
    expect(error).toMatchObject({ schemaVersion: MIGRATION_NAMES.length, knownVersion: 9 });
    expect(String(error)).toMatch(
      new RegExp(
        `schema version ${MIGRATION_NAMES.length}, made by qx-controlplane 2\\.0\\.0; this program is version 1\\.0\\.0 and knows schema versions up to 9`,
      ),
    );
  }
  expect(await dumpSchema(address)).toBe(before);
});

test('of programs that start at the same time only one migrates', async () => {
  await using made = await makeDatabase('empty');
  const all = await Promise.all(Array.from({ length: 4 }, () => migrateUp(request(made.address))));
  expect(all.map((applied) => applied.length).sort((a, b) => a - b)).toEqual([
    0,
    0,
    0,
    MIGRATION_NAMES.length,
  ]);
});

describe('a migration that fails', () => {
  const broken = {
    '000003_more.up.sql': 'CREATE TABLE more (id integer);\nSELECT 1 / 0;\n',
    '000003_more.down.sql': 'DROP TABLE more;\n',
  };

  test('is rolled back and named, and succeeds once it is corrected', async () => {
    await using made = await makeDatabase('empty');
    const { address } = made;
    const known = await migrationsUpTo(2, broken);
    await expect(migrateUp(request(address, { folder: known }))).rejects.toThrow(
      /000003_more failed \(up\): division by zero/,
    );
    const { applied, pending } = await readMigrationStatus(request(address, { folder: known }));
    expect(applied.map(({ version }) => version)).toEqual([1, 2]);
    expect(pending.map(({ name }) => name)).toEqual(['000003_more']);
    expect(await query(address, `SELECT to_regclass('more') AS more`)).toEqual([{ more: null }]);
    await writeFile(join(known, '000003_more.up.sql'), 'CREATE TABLE more (id integer);\n');
    expect(await migrateUp(request(address, { folder: known }))).toHaveLength(1);
  });
});

describe('a trial of migrations', () => {
  test.each([0, 9])('succeeds and changes nothing: from version %i', async (version) => {
    await using made = await makeDatabase('empty');
    const { address } = made;
    if (version > 0) await migrateUp(request(address, { folder: await migrationsUpTo(version) }));
    const before = await dumpSchema(address);
    await tryMigrations(request(address));
    expect(await dumpSchema(address)).toBe(before);
    expect((await readMigrationStatus(request(address))).applied).toHaveLength(version);
  });

  test.each([
    ['fails', 'SELECT 1 / 0', 'division by zero'],
    [
      'is refused when it is committed',
      `CREATE TABLE child (id uuid REFERENCES nodes DEFERRABLE INITIALLY DEFERRED);
       INSERT INTO child VALUES ('22222222-2222-8222-8222-222222222222')`,
      'violates foreign key constraint',
    ],
  ])('names a migration that %s, and is rolled back', async (_how, sql, why) => {
    await using made = await makeDatabase('empty');
    const { address } = made;
    await migrateUp(request(address, { folder: await migrationsUpTo(2) }));
    const before = await dumpSchema(address);
    const known = await migrationsUpTo(2, {
      '000003_more.up.sql': `CREATE TABLE more (id integer); ${sql}`,
      '000003_more.down.sql': 'DROP TABLE more',
    });
    await expect(tryMigrations(request(address, { folder: known }))).rejects.toThrow(
      new RegExp(`000003_more fails when it is tried: .*${why}`),
    );
    expect(await dumpSchema(address)).toBe(before);
  });

  test('by an older program is refused like a real migration', async () => {
    await using made = await makeDatabase('migrated');
    const older = request(made.address, { folder: await migrationsUpTo(9) });
    await expect(tryMigrations(older)).rejects.toBeInstanceOf(NewerSchemaError);
  });
});

describe('a migration file that was changed after it was applied', () => {
  test.each(['up', 'down'])('is refused before anything runs: %s', async (direction) => {
    await using made = await makeDatabase('empty');
    const { address } = made;
    await migrateUp(request(address));
    const other = await mkdtemp(join(folder, 'other-'));
    await cp(MIGRATIONS, other, { recursive: true });
    const file = join(other, `000004_volume_extended.${direction}.sql`);
    await writeFile(file, `${await readFile(file, 'utf8')}-- changed\n`);
    await expect(migrateUp(request(address, { folder: other }))).rejects.toThrow(
      /migration 000004_volume_extended of the database has changed since it was applied/,
    );
  });
});

describe('before a migration of a database with data', () => {
  test('the database is dumped; the dump can be restored, and the last three are kept', async () => {
    await using made = await makeDatabase('empty');
    const { address } = made;
    const dumps = await mkdtemp(join(folder, 'dumps-'));
    let minute = 0;
    const dump = async (version: number) => {
      const now = new Date(Date.UTC(2026, 0, 1, 0, minute++));
      await dumpBeforeMigration(address, { folder: dumps, version, now });
    };
    for (const version of [5, 6, 7, 8, 10]) {
      await migrateUp(request(address, { folder: await migrationsUpTo(version), dump }));
    }
    // The first migrations ran on an empty database, which is not dumped.
    const names = (await readdir(dumps)).sort();
    expect(names).toEqual([
      'before-migration-20260101T000100Z-schema-6.dump',
      'before-migration-20260101T000200Z-schema-7.dump',
      'before-migration-20260101T000300Z-schema-8.dump',
    ]);
    await using restored = await makeDatabase('empty');
    const { socketFolder, database, user } = restored.address;
    const into = [
      '--host',
      socketFolder,
      '--username',
      user,
      '--dbname',
      database,
      '--exit-on-error',
    ];
    await execa('pg_restore', [...into, join(dumps, names[2] ?? '')]);
    const { applied } = await readMigrationStatus(request(restored.address));
    expect(applied).toHaveLength(8);
  });

  test('a dump that cannot be made stops the migration', async () => {
    await using made = await makeDatabase('empty');
    const { address } = made;
    await migrateUp(request(address, { folder: await migrationsUpTo(9) }));
    const file = join(folder, 'not-a-folder');
    await writeFile(file, '');
    const dump = async (version: number) => {
      await dumpBeforeMigration(address, { folder: file, version, now: new Date(0) });
    };
    await expect(migrateUp(request(address, { dump }))).rejects.toThrow(
      /^the database cannot be dumped before the migration: .*Make room there/,
    );
    const { applied } = await readMigrationStatus(request(address));
    expect(applied).toHaveLength(9);
  });
});

describe('an invalid folder of migrations', () => {
  test.each([
    [
      'a gap',
      { '000003_c.up.sql': '', '000003_c.down.sql': '' },
      /000003_c should have the number 000002/,
    ],
    ['one of a pair', { '000002_b.up.sql': '' }, /000002_b has no down\.sql/],
    [
      'one number twice',
      { '000001_a.up.sql': '', '000001_a.down.sql': '' },
      /should have the number 000002/,
    ],
    ['another file', { 'README.md': '' }, /"README\.md" is not a migration/],
  ])('is refused: %s', async (_what, files, message) => {
    const wrong = await migrationsUpTo(1, files);
    await using made = await makeDatabase('empty');
    await expect(migrateUp(request(made.address, { folder: wrong }))).rejects.toThrow(message);
  });

  test('is refused if it does not exist', async () => {
    await using made = await makeDatabase('empty');
    const missing = join(folder, 'missing');
    await expect(migrateUp(request(made.address, { folder: missing }))).rejects.toThrow(
      /the migrations cannot be read/,
    );
  });
});

test('the committed types match the migrated schema', async () => {
  await using made = await makeDatabase('migrated');
  const committed = resolve(import.meta.dirname, '../../apps/control-plane/database/schema.ts');
  expect(await generateSchema(made.address)).toBe(await readFile(committed, 'utf8'));
});

test('the value sets of the program are exactly those of the schema', async () => {
  await using made = await makeDatabase('migrated');
  const rows = await query<{ name: string; definition: string }>(
    made.address,
    `SELECT conname AS name, pg_get_constraintdef(oid) AS definition FROM pg_constraint
     WHERE conname LIKE '%_value' AND connamespace = 'public'::regnamespace`,
  );
  const inSchema = Object.fromEntries(
    rows.map(({ name, definition }) => [
      name.replace(/_value$/, ''),
      [...definition.matchAll(/'([^']+)'::text/g)].map((match) => match[1]).sort(),
    ]),
  );
  const inProgram = Object.fromEntries(
    Object.entries(VALUE_SETS).map(([name, values]) => [name, [...values].sort()]),
  );
  expect(inProgram).toEqual(inSchema);
});
