import { join } from 'node:path';
import { findServerAccount } from './account.ts';
import { IMAGE } from './image.ts';
import { askScript, makeFolderFor, type Service, startService } from './service.ts';

/** A Redis of one's own. */
export interface RedisServer extends Service {
  /** Its Unix socket. */
  readonly socket: string;
}

/**
 * Starts Redis from the host's packages by the appliance's script, in a folder of its own.
 * @throws BuildError if it does not answer; with what it logged last
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
