import { mkdtemp, readdir, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
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

/** What the databases' part of a boot is: the server is made if there is none, started, and migrated. */
async function bootDatabase(folder: string): Promise<PostgresqlServer> {
  // The kernel goes on, so what was written is kept.
  const server = await startPostgresql(folder, { settings: { fsync: 'off' } });
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

/** Boots, and cuts the power after some milliseconds, or as soon as all is up. */
async function bootAndCut(folder: string, after: number): Promise<void> {
  const boot = bootDatabase(folder).catch(() => undefined);
  let isOver = false;
  void boot.then(() => {
    isOver = true;
  });
  await Promise.race([wait(after), boot]);
  // What was about to start another process when it was ended is met again.
  while ((await cutPower(folder)) > 0 || !isOver) await wait(5);
}

async function expectWhole({ socketFolder }: PostgresqlServer): Promise<void> {
  const address = addressOf(socketFolder, 'quantix_vdc');
  const { applied, pending } = await readMigrationStatus({
    address,
    folder: MIGRATIONS,
    programVersion: '0.1.0',
  });
  expect([applied.length, pending.length]).toEqual([MIGRATION_NAMES.length, 0]);
  const client = new Client({ host: socketFolder, user: 'quantix', database: 'quantix_vdc' });
  await client.connect();
  const { rows } = await client.query('SELECT count(*)::int AS roles FROM roles');
  await client.end();
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
        await bootAndCut(folder, duration * moment);
        await expectWhole(await bootDatabase(folder));
      });
    }
  };
  await Promise.all(MACHINES.map(machine));
}, 600_000);
