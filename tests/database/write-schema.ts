import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { DATABASE } from '../../apps/control-plane/database/connection.ts';
import { migrateUp } from '../../apps/control-plane/database/migrate.ts';
import { startPostgresql } from '../../tasks/control-plane/postgresql.ts';
import { MIGRATIONS, SILENT } from './database.ts';
import { DOCUMENT, replaceSchema } from './document.ts';
import { describeSchema, generateSchema } from './generate-schema.ts';

/**
 * `npm run generate:schema`: generates the types of the migrated schema, and the description of the schema in
 * `docs/database.md`.
 */
const folder = await mkdtemp(join(tmpdir(), 'quantix-schema-'));
const server = await startPostgresql(folder, { settings: { fsync: 'off' } });
try {
  const address = { ...DATABASE, socketFolder: server.socketFolder };
  const dump = () => Promise.reject(new Error('an empty database is not dumped'));
  await migrateUp({ address, folder: MIGRATIONS, programVersion: '0', log: SILENT, dump });
  const file = resolve(import.meta.dirname, '../../apps/control-plane/database/schema.ts');
  await writeFile(file, await generateSchema(address));
  const document = await readFile(DOCUMENT, 'utf8');
  await writeFile(DOCUMENT, replaceSchema(document, await describeSchema(address)));
} finally {
  await server.stop();
  await rm(folder, { recursive: true });
}
