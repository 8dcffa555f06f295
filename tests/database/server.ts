import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { migrateUp } from '../../apps/control-plane/database/migrate.ts';
import { startPostgresql } from '../../tasks/control-plane/postgresql.ts';
import { addressOf, MIGRATIONS, SILENT, TEMPLATE, withSuperuser } from './database.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Folder of the Unix socket of the server under test. */
    socketFolder: string;
  }
}

/** Starts one PostgreSQL for all tests, and migrates a template database, of which each test gets a copy. */
export default async function startServer(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'quantix-database-'));
  // Without fsync: the data need not survive a power cut.
  const server = await startPostgresql(folder, {
    settings: { fsync: 'off', full_page_writes: 'off' },
  });
  const { socketFolder } = server;
  await withSuperuser(socketFolder, async (client) => {
    await client.query(`CREATE DATABASE ${TEMPLATE} OWNER quantix TEMPLATE template0`);
  });
  const address = addressOf(socketFolder, TEMPLATE);
  const dump = () => Promise.reject(new Error('an empty database is not dumped'));
  await migrateUp({ address, folder: MIGRATIONS, programVersion: '0.1.0', log: SILENT, dump });
  project.provide('socketFolder', socketFolder);
  return async () => {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  };
}
