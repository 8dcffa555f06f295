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

/** A private PostgreSQL server. */
export interface PostgresqlServer extends Service {
  /** Folder of its Unix socket; the caller may connect as `postgres` and as `quantix`. */
  readonly socketFolder: string;
}

/** Differences from the appliance's PostgreSQL server. */
export interface PostgresqlOptions {
  /** Settings of postgresql.conf in addition to the appliance's, such as `{ fsync: 'off' }`. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Cancels the start. */
  readonly signal?: AbortSignal;
}

/**
 * Starts the host's PostgreSQL with the appliance's script and settings, but in its own folder and under the caller's
 * account.
 * @param folder an empty folder, or that of an earlier run
 * @throws BuildError, with the last lines of its log, if the server cannot be created or does not answer
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
    // Fast shutdown: open transactions are rolled back.
    stopSignal: 'SIGINT',
    isReady: () => askScript(script, setting),
    signal,
  });
  return { ...service, socketFolder: places.socket };
}

/** Writes the appliance's configuration; both accounts may connect as either role. */
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
