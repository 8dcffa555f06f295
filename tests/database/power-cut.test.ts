import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readdir, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { execa } from 'execa';
import { Client } from 'pg';
import { beforeAll, expect, test } from 'vitest';
import { migrateUp, readMigrationStatus } from '../../apps/control-plane/database/migrate.ts';
import { type PostgresqlServer, startPostgresql } from '../../tasks/control-plane/postgresql.ts';
import { Random } from '../fuzz/random.ts';
import { addressOf, MIGRATION_NAMES, MIGRATIONS, SILENT } from './database.ts';

/** How often the power is cut, and when: shares of a first boot, the same at each run. */
const CUTS = 20;
const random = new Random(20_261_127);
const MOMENTS = Array.from({ length: CUTS }, (_, cut) => (cut + random.below(1000) / 1000) / CUTS);

/** Starts the server, which is made if there is none. The kernel outlives the cuts, so what was written is kept. */
function start(folder: string): Promise<PostgresqlServer> {
  return startPostgresql(folder, { settings: { fsync: 'off' } });
}

/** What the databases' part of a boot is: the server is started, and migrated. */
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

/** Ends all processes that work in a folder or below, as a cut of power does. @returns how many there were */
async function cutPower(folder: string): Promise<number> {
  let ended = 0;
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    try {
      if (!`${await readlink(`/proc/${pid}/cwd`)}/`.startsWith(`${folder}/`)) continue;
      process.kill(Number(pid), 'SIGKILL');
      ended += 1;
    } catch {
      // It has ended meanwhile.
    }
  }
  return ended;
}

/** Cuts the power after some milliseconds of some work, or as soon as that is done. */
async function cutDuring(folder: string, after: number, work: Promise<unknown>): Promise<void> {
  const boot = work.catch(() => undefined);
  let isOver = false;
  void boot.then(() => {
    isOver = true;
  });
  await Promise.race([wait(after), boot]);
  // What was about to start another process when it was ended is met again.
  while ((await cutPower(folder)) > 0 || !isOver) await wait(5);
}

/** The database has all migrations, and the roles that they make. */
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

/** Works in a folder of its own; nothing works there any more afterwards, and it is gone. */
async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'quantix-power-'));
  try {
    return await work(folder);
  } finally {
    while ((await cutPower(folder)) > 0) await wait(5);
    await rm(folder, { recursive: true });
  }
}

/** Machines that boot at a time. */
const MACHINES = [0, 1];

/** Milliseconds that an undisturbed boot takes here and now, on each of them. */
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

/** Version of the schema that an older program left, with hosts in it. */
const OLDER = 3;
const HOSTS = 2_000;

const PROGRAM = resolve(import.meta.dirname, '../../apps/qx.ts');

/** Makes what an older program left in a folder; nothing works there any more. */
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

/** Applies all migrations as an operator does, by a process that works in the folder. */
async function migrate(folder: string, { socketFolder }: PostgresqlServer): Promise<void> {
  const file = join(folder, 'config.yaml');
  const database = { socketFolder, migrations: MIGRATIONS, dumps: join(folder, 'dumps') };
  await writeFile(file, JSON.stringify({ database }));
  const words = [PROGRAM, 'qx-controlplane', 'migrate', 'up', '--config', file];
  await execa(process.execPath, words, { cwd: folder });
}

/** Waits until a migration has begun, by the folder of the dump that is made before, or has ended otherwise. */
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

test(`after a cut of power at ${CUTS} moments of a migration the next boot ends in a migrated database with all that was in it, and no half of a dump`, async () => {
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
