import { writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { errorCode } from '../../build/process/errno.ts';
import { PROJECT } from '../project.ts';
import { findServerAccount } from './account.ts';
import { IMAGE } from './image.ts';
import { makeFolderFor, type Service, startService } from './service.ts';

/** Addresses of the services that a control plane uses. */
export interface ServiceAddresses {
  /** Folder of PostgreSQL's socket, and name of the database. */
  readonly socketFolder: string;
  readonly database?: string;
  readonly etcd: string;
  readonly redis: string;
}

/** A private control plane. */
export interface ControlPlaneProgram extends Service {
  /** Unix socket of its API. */
  readonly socket: string;
  /** Path of its configuration. */
  readonly configFile: string;
}

export interface ProgramOptions {
  /** Keys of the control plane's `config.yaml` in addition to the addresses of its services. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Command line of the programs; this project's sources if absent. */
  readonly programs?: readonly [string, ...string[]];
  /** Cancels the start. */
  readonly signal?: AbortSignal;
}

const SOURCES = [process.execPath, join(PROJECT, 'apps/qx.ts')] as const;

/**
 * Starts `qx-controlplane run` with the image's migrations.
 * @throws BuildError, with the last lines of its log, if it does not become ready
 */
export async function startProgram(
  folder: string,
  { socketFolder, database, etcd, redis }: ServiceAddresses,
  { config = {}, programs = SOURCES, signal }: ProgramOptions = {},
): Promise<ControlPlaneProgram> {
  const account = await findServerAccount();
  await makeFolderFor(account, folder);
  const socket = join(folder, 'controlplane.sock');
  const configFile = join(folder, 'config.yaml');
  const settings = {
    database: {
      socketFolder,
      ...(database === undefined ? {} : { database }),
      migrations: IMAGE.migrations,
      dumps: join(folder, 'dumps'),
    },
    etcd: { address: etcd },
    redis: { socket: redis },
    backup: { folder: join(folder, 'backup'), passphrase: join(folder, 'backup.passphrase') },
    updates: { folder: join(folder, 'updates'), keys: join(folder, 'release-keys') },
    socket,
    authority: join(folder, 'ca.pem'),
    agents: { listen: '127.0.0.1', port: 0 },
    people: { listen: '127.0.0.1', port: 0 },
    ...config,
  };
  // JSON is valid YAML.
  await writeFile(configFile, `${JSON.stringify(settings, null, 2)}\n`);
  const service = await startService({
    name: 'qx-controlplane',
    command: [...programs, 'qx-controlplane', 'run', '--config', configFile],
    folder,
    account,
    stopSignal: 'SIGTERM',
    isReady: async () => (await askProgram(socket, '/readyz'))?.status === 200,
    signal,
  });
  return { ...service, socket, configFile };
}

/**
 * Sends a request to a control plane. @returns status and text of the answer; undefined if nobody listens on the socket
 */
export async function askProgram(
  socketPath: string,
  path: string,
): Promise<{ status: number; body: string } | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: string }>();
  const asked = request({ socketPath, path, agent: false }, (response) => {
    text(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject);
  });
  asked.on('error', reject).end();
  try {
    return await promise;
  } catch (error) {
    if (['ENOENT', 'ECONNREFUSED'].includes(errorCode(error) ?? '')) return undefined;
    throw error;
  }
}
