import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { findServerAccount } from './account.ts';
import { IMAGE } from './image.ts';
import {
  askScript,
  makeFolderFor,
  prepareWithScript,
  type Service,
  startService,
} from './service.ts';

/** A PostgreSQL server of one's own. */
export interface PostgresqlServer extends Service {
  /** Folder of its Unix socket; whoever started it may connect as `postgres` and as `quantix`. */
  readonly socketFolder: string;
}

/** How a PostgreSQL server differs from the appliance's. */
export interface PostgresqlOptions {
  /** Settings of postgresql.conf besides the appliance's, such as `{ fsync: 'off' }`. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Stops waiting for it. */
  readonly signal?: AbortSignal;
}

/**
 * Starts PostgreSQL from the host's packages as the appliance does, by the same script and settings, but in a folder of its
 * own and for the account of the caller.
 * @param folder an empty folder, or that of an earlier run
 * @throws BuildError if the server cannot be made, or does not answer; with what it logged last
 */
export async function startPostgresql(
  folder: string,
  { settings = {}, signal }: PostgresqlOptions = {},
): Promise<PostgresqlServer> {
  const account = await findServerAccount();
  const places = {
    root: join(folder, 'data'),
    socket: join(folder, 'socket'),
    config: join(folder, 'config'),
  };
  for (const path of [folder, ...Object.values(places)]) await makeFolderFor(account, path);
  await writeConfiguration(places.config, account.name, settings);
  const script = join(IMAGE.scripts, 'postgresql');
  const env = { QX_ROOT: places.root, QX_SOCKET: places.socket, QX_CONFIG: places.config };
  const setting = { env, account, folder };
  await prepareWithScript(script, setting);
  const service = await startService({
    ...setting,
    name: 'postgresql',
    command: [script, 'run'],
    // Its fast shutdown: open transactions are rolled back.
    stopSignal: 'SIGINT',
    isReady: () => askScript(script, setting),
    signal,
  });
  return { ...service, socketFolder: places.socket };
}

/** The appliance's configuration, with both accounts allowed to be both roles. */
async function writeConfiguration(
  folder: string,
  serverAccount: string,
  settings: Readonly<Record<string, string>>,
): Promise<void> {
  const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value}'\n`);
  const shipped = await readFile(join(IMAGE.postgresql, 'postgresql.conf'), 'utf8');
  await writeFile(join(folder, 'postgresql.conf'), shipped + lines.join(''));
  await copyFile(join(IMAGE.postgresql, 'pg_hba.conf'), join(folder, 'pg_hba.conf'));
  const accounts = [...new Set([serverAccount, userInfo().username])];
  const maps = accounts.flatMap((name) => [
    `superuser "${name}" postgres\n`,
    `application "${name}" quantix\n`,
  ]);
  await writeFile(join(folder, 'pg_ident.conf'), maps.join(''));
}
