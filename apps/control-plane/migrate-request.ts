import type { Logger } from '../log/logger.ts';
import type { Config } from './config.ts';
import type { DatabaseAddress } from './database/connection.ts';
import { dumpBeforeMigration } from './database/dump.ts';
import type { MigrateRequest } from './database/migrate.ts';

/** Returns the address of a configuration's database. */
export function selectDatabaseAddress({
  database: { socketFolder, database, user },
}: Config): DatabaseAddress {
  return { socketFolder, database, user };
}

/** Returns a configuration's settings for migrations. */
export function migrateRequest(
  config: Config,
  { version, log }: { version: string; log: Logger },
): MigrateRequest {
  const address = selectDatabaseAddress(config);
  return {
    address,
    folder: config.database.migrations,
    programVersion: version,
    log,
    dump: async (schema) => {
      const made = { folder: config.database.dumps, version: schema, now: new Date() };
      log.info(`the database was dumped: ${await dumpBeforeMigration(address, made)}`);
    },
  };
}
