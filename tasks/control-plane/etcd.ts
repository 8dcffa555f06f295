import { join } from 'node:path';
import { findServerAccount } from './account.ts';
import { freePort } from './free-port.ts';
import { IMAGE } from './image.ts';
import { askScript, makeFolderFor, type Service, startService } from './service.ts';

/** An etcd of one's own. */
export interface EtcdServer extends Service {
  /** Where it serves: `http://127.0.0.1:PORT`. */
  readonly address: string;
}

/** Where an etcd is; any free port if absent. */
export interface EtcdOptions {
  readonly address?: string;
  /** Stops waiting for it. */
  readonly signal?: AbortSignal;
}

/**
 * Starts etcd from the host's packages by the appliance's script, in a folder of its own, on the loopback interface.
 * @throws BuildError if it does not answer; with what it logged last
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
  return `http://127.0.0.1:${await freePort()}`;
}
