import { existsSync } from 'node:fs';
import { copyFile, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { execa } from 'execa';
import { Client } from 'pg';
import { beforeAll, expect, test } from 'vitest';
import { migrateUp, readMigrationStatus } from '../../apps/control-plane/database/migrate.ts';
import { type PostgresqlServer, startPostgresql } from '../../tasks/control-plane/postgresql.ts';
import { Random } from '../fuzz/random.ts';
import { addressOf, MIGRATION_NAMES, MIGRATIONS, SILENT } from './database.ts';
import { cutPower, inFolder } from './power.ts';

/** Number of power cuts, and their moments as shares of a first boot; the same in every run. */
const CUTS = 20;
const random = new Random(20_261_127);
const MOMENTS = Array.from({ length: CUTS }, (_, cut) => (cut + random.below(1000) / 1000) / CUTS);

/**
 * Starts the server; creates it if it is missing. Without fsync: the kernel survives the simulated cuts, so written
 * data stays.
 */
function start(folder: string): Promise<PostgresqlServer> {
  return startPostgresql(folder, { settings: { fsync: 'off' } });
}

/** Does what a boot does with the database: starts the server, and migrates the database. */
async function bootDatabase(folder: string): Promise<PostgresqlServer> {
  const server = await start(folder);
  await migrateUp({
    address: addressOf(server.socketFolder, 'quantix_vdc'),
    folder: MIGRATIONS,
    programVersion: '0.1.0',
    log: SILENT,
    dump: async () => undefined,
  });
  return server;
}

/** Cuts the power after some milliseconds of some work, or when the work is done. */
async function cutDuring(folder: string, after: number, work: Promise<unknown>): Promise<void> {
  const boot = work.catch(() => undefined);
  let isOver = false;
  void boot.then(() => {
    isOver = true;
  });
  await Promise.race([wait(after), boot]);
  // A killed process may have just started another one, so this repeats until none is left.
  while ((await cutPower(folder)) > 0 || !isOver) await wait(5);
}

/** Checks that the database has all migrations, and the roles that they make. */
async function expectWhole(server: PostgresqlServer): Promise<void> {
  const address = addressOf(server.socketFolder, 'quantix_vdc');
  const { applied, pending } = await readMigrationStatus({
    address,
    folder: MIGRATIONS,
    programVersion: '0.1.0',
  });
  expect([applied.length, pending.length]).toEqual([MIGRATION_NAMES.length, 0]);
  const { rows } = await withClient(server, (client) =>
    client.query('SELECT count(*)::int AS roles FROM roles'),
  );
  expect(rows[0].roles).toBeGreaterThan(0);
}

/** Machines that boot at the same time. */
const MACHINES = [0, 1];

/** Milliseconds that a boot without a power cut takes on each of these machines, measured before the tests. */
let duration: number;
beforeAll(async () => {
  const started = performance.now();
  await Promise.all(MACHINES.map(() => inFolder(bootDatabase)));
  duration = performance.now() - started;
}, 120_000);

test(`after a cut of power at ${CUTS} moments of a first boot the next boot ends in a working database`, async () => {
  const moments = MOMENTS.values();
  const machine = async () => {
    for (const moment of moments) {
      await inFolder(async (folder) => {
        await cutDuring(folder, duration * moment, bootDatabase(folder));
        await expectWhole(await bootDatabase(folder));
      });
    }
  };
  await Promise.all(MACHINES.map(machine));
}, 600_000);

/** Version of the schema that an older program left, and number of hosts in the database. */
const OLDER = 3;
const HOSTS = 2_000;

const PROGRAM = resolve(import.meta.dirname, '../../apps/qx.ts');

/** Makes the database of an older program in a folder; its server is stopped. */
async function leaveOlderDatabase(folder: string): Promise<void> {
  const migrations = join(folder, 'migrations');
  await mkdir(migrations);
  for (const name of await readdir(MIGRATIONS)) {
    if (Number(name.slice(0, 6)) > OLDER) continue;
    await copyFile(join(MIGRATIONS, name), join(migrations, name));
  }
  const server = await start(folder);
  const address = addressOf(server.socketFolder, 'quantix_vdc');
  const dump = () => Promise.reject(new Error('an empty database is not dumped'));
  await migrateUp({ address, folder: migrations, programVersion: '0.0.1', log: SILENT, dump });
  await withClient(server, (client) =>
    client.query(
      `INSERT INTO nodes (id, hostname) SELECT gen_random_uuid(), 'host' || n FROM generate_series(1, $1) AS n`,
      [HOSTS],
    ),
  );
  await server.stop();
  await rm(migrations, { recursive: true });
}

/** Applies all migrations as an operator does, in a process whose working directory is the folder. */
async function migrate(folder: string, { socketFolder }: PostgresqlServer): Promise<void> {
  const file = join(folder, 'config.yaml');
  const database = { socketFolder, migrations: MIGRATIONS, dumps: join(folder, 'dumps') };
  await writeFile(file, JSON.stringify({ database }));
  const words = [PROGRAM, 'qx-controlplane', 'migrate', 'up', '--config', file];
  await execa(process.execPath, words, { cwd: folder });
}

/** Waits until a migration has begun or failed. It has begun if the folder of the dump before it exists. */
async function untilBegun(folder: string, migrating: Promise<unknown>): Promise<void> {
  let isOver = false;
  const end = migrating.finally(() => {
    isOver = true;
  });
  end.catch(() => undefined);
  while (!(isOver || existsSync(join(folder, 'dumps')))) await wait(2);
}

async function withClient<T>(
  { socketFolder }: PostgresqlServer,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const client = new Client({ host: socketFolder, user: 'quantix', database: 'quantix_vdc' });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

test(`after a cut of power at ${CUTS} moments of a migration the next boot ends in a migrated database with all its data, and no partial dump`, async () => {
  await inFolder(async (older) => {
    await leaveOlderDatabase(older);
    const inCopy = (work: (folder: string) => Promise<void>) =>
      inFolder(async (folder) => {
        await execa('cp', ['-a', `${older}/.`, folder]);
        await work(folder);
      });
    let undisturbed = 0;
    await inCopy(async (folder) => {
      const migrating = migrate(folder, await start(folder));
      await untilBegun(folder, migrating);
      const began = performance.now();
      await migrating;
      undisturbed = performance.now() - began;
    });
    const moments = MOMENTS.values();
    const machine = async () => {
      for (const moment of moments) {
        await inCopy(async (folder) => {
          const migrating = migrate(folder, await start(folder));
          await untilBegun(folder, migrating);
          await cutDuring(folder, undisturbed * moment, migrating);
          const again = await start(folder);
          await migrate(folder, again);
          await expectWhole(again);
          const { rows } = await withClient(again, (client) =>
            client.query('SELECT count(*)::int AS hosts FROM nodes'),
          );
          expect(rows).toEqual([{ hosts: HOSTS }]);
          const dumps = await readdir(join(folder, 'dumps'));
          expect(dumps.length).toBeGreaterThan(0);
          for (const name of dumps) {
            expect(name).toMatch(/\.dump$/);
            const dump = join(folder, 'dumps', name);
            await execa('pg_restore', ['--file', '/dev/null', dump]);
          }
        });
      }
    };
    await Promise.all(MACHINES.map(machine));
  });
}, 600_000);
