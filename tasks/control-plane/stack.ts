import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { quoteForShell } from '../../build/process/quote.ts';
import { type EtcdServer, startEtcd } from './etcd.ts';
import { type PostgresqlServer, startPostgresql } from './postgresql.ts';
import { type ControlPlaneProgram, startProgram } from './program.ts';
import { type RedisServer, startRedis } from './redis.ts';
import { explainEnd, makeServicesFolder, type Service } from './service.ts';

/** A control plane and the services it needs, in one folder. */
export interface Stack extends AsyncDisposable {
  readonly folder: string;
  readonly postgresql: PostgresqlServer;
  readonly etcd: EtcdServer;
  readonly redis: RedisServer;
  readonly program: ControlPlaneProgram;
  /** Shell file that sets the variables of `makeStackVariables`. */
  readonly variablesFile: string;
}

/**
 * Starts the host's PostgreSQL, etcd and Redis, then a control plane from the sources. Disposing of the stack ends all
 * of them and removes the folder.
 * @throws BuildError if one of them does not start; everything is cleaned up then
 */
export async function startStack({ signal }: { signal?: AbortSignal } = {}): Promise<Stack> {
  await using started = new AsyncDisposableStack();
  const folder = await makeServicesFolder('quantix-controlplane-');
  started.defer(() => rm(folder, { recursive: true, force: true }));
  const options = signal === undefined ? {} : { signal };
  const keep = async <T extends Service>(starting: Promise<T>): Promise<T> => {
    const service = await starting;
    started.defer(() => service.stop());
    return service;
  };
  const starting = [
    keep(startPostgresql(join(folder, 'postgresql'), options)),
    keep(startEtcd(join(folder, 'etcd'), options)),
    keep(startRedis(join(folder, 'redis'), options)),
  ] as const;
  // If one does not start, the others have to be ended too.
  await Promise.allSettled(starting);
  const [postgresql, etcd, redis] = await Promise.all(starting);
  const { socketFolder } = postgresql;
  const addresses = { socketFolder, etcd: etcd.address, redis: redis.socket };
  const program = await keep(startProgram(join(folder, 'controlplane'), addresses, options));
  const variablesFile = join(folder, 'env');
  const parts = { folder, postgresql, etcd, redis, program, variablesFile };
  await writeFile(variablesFile, shellText(makeStackVariables(parts)));
  const rest = started.move();
  return { ...parts, [Symbol.asyncDispose]: () => rest.disposeAsync() };
}

/** Returns the environment variables with which psql and other commands find the services. */
export function makeStackVariables({
  postgresql,
  etcd,
  redis,
  program,
}: Pick<Stack, 'postgresql' | 'etcd' | 'redis' | 'program'>): Record<string, string> {
  return {
    PGHOST: postgresql.socketFolder,
    PGUSER: 'quantix',
    PGDATABASE: 'quantix_vdc',
    QX_ETCD: etcd.address,
    QX_REDIS: redis.socket,
    QX_CONTROLPLANE: program.socket,
    QX_CONFIG: program.configFile,
  };
}

/** Formats variables for a shell. Values are quoted, because the path in TMPDIR may need it. */
function shellText(variables: Readonly<Record<string, string>>): string {
  const lines = Object.entries(variables).map(
    ([name, value]) => `export ${name}=${quoteForShell(value)}\n`,
  );
  return lines.join('');
}

/**
 * Runs a stack until the signal is aborted.
 * @param say receives lines for the user
 * @throws BuildError, with the last lines of its log, if one of its services ends by itself
 */
export async function runStack(say: (line: string) => void, signal: AbortSignal): Promise<void> {
  say('Starting PostgreSQL, etcd, Redis and qx-controlplane …');
  await using stack = await startStack({ signal });
  for (const line of describeStack(stack)) say(line);
  const { postgresql, etcd, redis, program } = stack;
  const services: readonly Service[] = [postgresql, etcd, redis, program];
  const aborted = Promise.withResolvers<undefined>();
  signal.addEventListener('abort', () => aborted.resolve(undefined), { once: true });
  if (signal.aborted) return;
  const ends = services.map((service) => service.ended.then(() => service));
  const gone = await Promise.race([...ends, aborted.promise]);
  if (gone !== undefined) throw await explainEnd(gone);
  say('Ending all of it …');
}

/** Describes where each service listens, and how to inspect it. */
function describeStack({
  folder,
  postgresql,
  etcd,
  redis,
  program,
  variablesFile,
}: Stack): string[] {
  const rows = [
    ['PostgreSQL', postgresql.socketFolder],
    ['', `psql -h ${postgresql.socketFolder} -U quantix -d quantix_vdc`],
    ['etcd', etcd.address],
    ['Redis', redis.socket],
    ['qx-controlplane', program.socket],
    ['', `curl --unix-socket ${program.socket} http://localhost/readyz`],
    ['configuration', program.configFile],
    ['logs', `${folder}/*/*.log`],
    ['variables', `. ${variablesFile}`],
  ] as const;
  return [
    ...rows.map(([name, value]) => `${name.padEnd(16)} ${value}`),
    'Ready. Ctrl-C ends all of it and removes its folder.',
  ];
}
