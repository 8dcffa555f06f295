import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdir, readFile, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { ExecaError, execa, type Options } from 'execa';
import { BuildError } from '../../build/error.ts';

const PROJECT = resolve(import.meta.dirname, '../..');
const SCRIPT = join(PROJECT, 'overlay/qvdc/usr/lib/quantix/vdc/postgresql');
const CONFIG = join(PROJECT, 'overlay/qvdc/etc/quantix-vdc/postgresql');

/** Account that runs the server where root starts it: PostgreSQL refuses root. The server's package makes it. */
const SERVER_ACCOUNT = 'postgres';

/** Milliseconds between two questions whether the server is ready, and until it must be. */
const POLL = 50;
const READY_WITHIN = 60_000;

/** Characters of the server's log that an error shows. */
const LOG_END = 2_000;

/** A PostgreSQL server of one's own. */
export interface PostgresqlServer {
  /** Folder of its Unix socket; whoever started it may connect as `postgres` and as `quantix`. */
  readonly socketFolder: string;
  /** Ends it; open transactions are rolled back. */
  stop(): Promise<void>;
}

/**
 * Starts PostgreSQL from the host's packages as the appliance does, by the same script and settings, but in a folder of its
 * own and for the account of the caller.
 * @param folder an empty folder, or that of an earlier run
 * @param settings settings of postgresql.conf besides the appliance's, such as `{ fsync: 'off' }`
 * @throws BuildError if the server cannot be made, or does not answer; with what it logged last
 */
export async function startPostgresql(
  folder: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<PostgresqlServer> {
  const account = await findServerAccount();
  const places = {
    root: join(folder, 'data'),
    socket: join(folder, 'socket'),
    config: join(folder, 'config'),
  };
  for (const path of [folder, ...Object.values(places)]) {
    await mkdir(path, { recursive: true });
    await chown(path, account.uid, account.gid);
  }
  await writeConfiguration(places.config, account.name, settings);
  const options = {
    cwd: folder,
    uid: account.uid,
    gid: account.gid,
    env: { QX_ROOT: places.root, QX_SOCKET: places.socket, QX_CONFIG: places.config },
  };
  await prepare(options);
  const server = spawn(SCRIPT, ['run'], {
    ...options,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  server.stderr.setEncoding('utf8').on('data', (text: string) => {
    log = (log + text).slice(-LOG_END);
  });
  const ended = once(server, 'exit');
  const hasEnded = () => server.exitCode !== null || server.signalCode !== null;
  const stop = async () => {
    // PostgreSQL's fast shutdown.
    if (!hasEnded()) server.kill('SIGINT');
    await ended;
  };
  for (const deadline = Date.now() + READY_WITHIN; ; await wait(POLL)) {
    const asked = await execa(SCRIPT, ['ready'], { ...options, reject: false });
    if (asked.exitCode === 0) return { socketFolder: places.socket, stop };
    if (!hasEnded() && Date.now() < deadline) continue;
    await stop();
    throw new BuildError({
      what: `PostgreSQL does not answer: ${asked.stderr} ${log}`,
      where: folder,
    });
  }
}

/** The account that the server runs as: the caller's, unless that is root. */
async function findServerAccount(): Promise<{ name: string; uid: number; gid: number }> {
  const { username, uid, gid } = userInfo();
  if (uid !== 0) return { name: username, uid, gid };
  const line = (await readFile('/etc/passwd', 'utf8'))
    .split('\n')
    .find((one) => one.startsWith(`${SERVER_ACCOUNT}:`));
  const [, , accountUid, accountGid] = line?.split(':') ?? [];
  if (accountUid === undefined || accountGid === undefined) {
    throw new BuildError({
      what: `PostgreSQL does not run as root, and there is no account ${SERVER_ACCOUNT}`,
      fix: 'Install the server: apt-get install postgresql',
    });
  }
  return { name: SERVER_ACCOUNT, uid: Number(accountUid), gid: Number(accountGid) };
}

/** The appliance's configuration, with both accounts allowed to be both roles, in any database. */
async function writeConfiguration(
  folder: string,
  serverAccount: string,
  settings: Readonly<Record<string, string>>,
): Promise<void> {
  const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value}'\n`);
  const shipped = await readFile(join(CONFIG, 'postgresql.conf'), 'utf8');
  await writeFile(join(folder, 'postgresql.conf'), shipped + lines.join(''));
  const rules = await readFile(join(CONFIG, 'pg_hba.conf'), 'utf8');
  await writeFile(join(folder, 'pg_hba.conf'), `${rules}local all quantix peer map=application\n`);
  const accounts = [...new Set([serverAccount, userInfo().username])];
  const maps = accounts.flatMap((name) => [
    `superuser "${name}" postgres\n`,
    `application "${name}" quantix\n`,
  ]);
  await writeFile(join(folder, 'pg_ident.conf'), maps.join(''));
}

async function prepare(options: Options): Promise<void> {
  try {
    await execa(SCRIPT, ['prepare'], options);
  } catch (error) {
    if (!(error instanceof ExecaError)) throw error;
    throw new BuildError({
      what: `PostgreSQL cannot be set up: ${String(error.stderr ?? error.shortMessage)}`,
      fix: error.code === 'ENOENT' ? 'Install the server: apt-get install postgresql' : undefined,
      cause: error,
    });
  }
}
