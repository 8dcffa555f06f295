import { expect } from 'vitest';
import { z } from 'zod';
import { MIGRATION_NAMES } from '../database/database.ts';
import { readCommands } from '../database/document.ts';
import { type Story, succeed, untilSucceeds } from './story.ts';

const migrationsSchema = z.object({ schemaVersion: z.number(), pending: z.array(z.unknown()) });

/** Runs SQL as in the documentation, as the superuser of the database. @returns what psql prints */
export async function psql(story: Story, sql: string, options = ''): Promise<string> {
  return await succeed(
    story,
    `su -s /bin/sh postgres -c "psql -d quantix_vdc ${options} -c '${sql}'"`,
  );
}

/** The queries of the quick reference. */
const QUICK_REFERENCE = [
  'SELECT id, hostname, management_ip, phase FROM nodes',
  'SELECT id, name, power_state, node_id FROM virtual_machines',
  'SELECT id, name, pool_type, phase FROM storage_pools',
];

/** Checks that the database has all migrations. */
async function expectMigrations(story: Story): Promise<void> {
  const status = await succeed(story, 'qx-controlplane migrate status --json');
  expect(migrationsSchema.parse(JSON.parse(status))).toEqual({
    schemaVersion: MIGRATION_NAMES.length,
    pending: [],
  });
}

/** Checks that the database has all migrations, and answers the queries of the quick reference. */
export async function expectDatabase(story: Story): Promise<void> {
  await expectMigrations(story);
  for (const query of QUICK_REFERENCE) expect(await psql(story, query)).toMatch(/\(\d+ rows?\)/);
}

/**
 * Reverts all migrations of an empty database and applies them again, on the image's server: the schema must be the same.
 */
export async function expectMigrationsReversible(story: Story): Promise<void> {
  const dump = 'pg_dump --schema-only --restrict-key=same -d quantix_vdc';
  const schema = `su -s /bin/sh postgres -c "${dump}" | sha256sum`;
  await succeed(story, 'rc-service qx-controlplane stop');
  const before = await succeed(story, schema);
  await expectMigrations(story);
  await succeed(story, `qx-controlplane migrate down ${MIGRATION_NAMES.length}`);
  expect(await succeed(story, schema)).not.toBe(before);
  await succeed(story, 'qx-controlplane migrate up');
  expect(await succeed(story, schema)).toBe(before);
  await succeed(story, 'rc-service qx-controlplane start');
}

/** Checks that every command for an appliance in docs/database.md works, in the order of the document. */
export async function expectDocumentedCommands(story: Story): Promise<void> {
  for (const { place, command } of await readCommands()) {
    if (place === 'appliance') await succeed(story, command);
  }
}

/** Counts the rows of tables that a boot must not change. */
export async function countRows(story: Story): Promise<string> {
  const tables = ['nodes', 'virtual_machines', 'storage_pools', 'roles', 'users', 'projects'];
  const counts = tables.map((table) => `(SELECT count(*) FROM ${table}) AS ${table}`);
  return await psql(story, `SELECT ${counts.join(', ')}`, '-A');
}

/** Adds a host, so that the database has a row that a new database lacks. */
export async function addNode(story: Story): Promise<void> {
  await psql(
    story,
    'INSERT INTO nodes (id, hostname) SELECT gen_random_uuid(), current_database()',
  );
}

/**
 * A host has joined, so backups are required. Sets their passphrase, makes a backup, and restores it into a scratch
 * database.
 */
export async function makeFirstBackup(story: Story): Promise<void> {
  const backup = '/data/backup/first.backup';
  await succeed(
    story,
    `(umask 077; echo 'a passphrase of our own' >/quantix/vdc/backup.passphrase) && qx-controlplane backup ${backup}`,
  );
  await succeed(story, `qx-controlplane backup verify ${backup}`);
}

/** Damages the folders of etcd and Redis so that neither can start with them. */
export async function damageEtcdAndRedis(story: Story): Promise<void> {
  const garbage = 'head -c 20000 /dev/urandom';
  await succeed(story, 'rc-service etcd stop');
  await succeed(story, `for file in /data/etcd/data/member/wal/*; do ${garbage} >$file; done`);
  await succeed(story, `${garbage} >/data/redis/dump.rdb`);
}

/** Checks that the damage was noticed and reported, and that both services work again. */
export async function expectEtcdAndRedisRecovered(story: Story): Promise<void> {
  await untilSucceeds(story, 'ls /data/etcd | grep -q damaged');
  const alerts = `su -s /bin/sh postgres -c "psql -d quantix_vdc -c 'SELECT title FROM alerts'"`;
  await untilSucceeds(story, `${alerts} | grep -q 'folder of etcd was damaged'`);
  await untilSucceeds(story, 'qx-controlplane doctor');
}
