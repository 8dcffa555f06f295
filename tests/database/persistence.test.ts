import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { listOpenAlerts } from '../../apps/control-plane/database/repositories/alerts.ts';
import { updatePersistenceAlert } from '../../apps/control-plane/health/persistence.ts';
import { openTestDatabase } from './database.ts';

test('a machine without persistent storage has one alert with the reason, until it has a data disk', async () => {
  await using made = await openTestDatabase();
  const { db } = made.database;
  const folder = await mkdtemp(join(tmpdir(), 'quantix-persistence-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, 'not-persistent');
  const start = () => updatePersistenceAlert(db, new Date(), file);
  // quantix-data writes this text on a machine without a data disk.
  const why = 'this machine forgets all at a restart: no disk with a file system for data is there';
  await writeFile(file, `${why}\n`);
  await start();
  await start();
  expect(await listOpenAlerts(db)).toMatchObject([
    { severity: 'WARNING', title: 'This machine forgets everything at a restart', message: why },
  ]);
  await rm(file);
  await start();
  expect(await listOpenAlerts(db)).toEqual([]);
});
