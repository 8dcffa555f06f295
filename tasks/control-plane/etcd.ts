import { join } from 'node:path';
import { findServerAccount } from './account.ts';
import { findFreePort } from './free-port.ts';
import { IMAGE } from './image.ts';
import { askScript, makeFolderFor, type Service, startService } from './service.ts';

/** A private etcd server. */
export interface EtcdServer extends Service {
  /** Address of its API: `http://127.0.0.1:PORT`. */
  readonly address: string;
}

export interface EtcdOptions {
  /** Address of its API; if absent, one with a free port is chosen. */
  readonly address?: string;
  /** Cancels the start. */
  readonly signal?: AbortSignal;
}

/**
 * Starts the host's etcd with the appliance's script, in its own folder, on the loopback interface.
 * @throws BuildError, with the last lines of its log, if it does not answer
 */
export async function startEtcd(
  folder: string,
  { address, signal }: EtcdOptions = {},
): Promise<EtcdServer> {
  const account = await findServerAccount();
  await makeFolderFor(account, folder);
  const client = address ?? (await freeAddress());
  const env = {
    QX_ROOT: join(folder, 'data'),
    QX_CLIENT_URL: client,
    QX_PEER_URL: await freeAddress(),
  };
  const script = join(IMAGE.scripts, 'etcd');
  const setting = { env, account, folder };
  const service = await startService({
    ...setting,
    name: 'etcd',
    command: [script, 'run'],
    stopSignal: 'SIGTERM',
    isReady: () => askScript(script, setting),
    signal,
  });
  return { ...service, address: client };
}

async function freeAddress(): Promise<string> {
  return `http://127.0.0.1:${await findFreePort()}`;
}
