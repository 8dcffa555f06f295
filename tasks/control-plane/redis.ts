import { join } from 'node:path';
import { findServerAccount } from './account.ts';
import { IMAGE } from './image.ts';
import { askScript, makeFolderFor, type Service, startService } from './service.ts';

/** A private Redis server. */
export interface RedisServer extends Service {
  /** Path of its Unix socket. */
  readonly socket: string;
}

/**
 * Starts the host's Redis with the appliance's script, in its own folder.
 * @throws BuildError, with the last lines of its log, if it does not answer
 */
export async function startRedis(
  folder: string,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<RedisServer> {
  const account = await findServerAccount();
  await makeFolderFor(account, folder);
  const socket = join(folder, 'redis.sock');
  const script = join(IMAGE.scripts, 'redis');
  const setting = { env: { QX_SOCKET: socket }, account, folder };
  const service = await startService({
    ...setting,
    name: 'redis',
    command: [script, 'run'],
    stopSignal: 'SIGTERM',
    isReady: () => askScript(script, setting),
    signal,
  });
  return { ...service, socket };
}
