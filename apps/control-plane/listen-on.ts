import type { Server } from 'node:net';
import { messageOf } from '../error.ts';
import { ControlPlaneError } from './error.ts';

/**
 * Makes a server listen on a port of this machine.
 * @param whom whom it serves, which is also the section of `config.yaml` with its address and port
 * @throws ControlPlaneError if it cannot listen
 */
export async function listenOn(
  server: Server,
  { listen: host, port }: { readonly listen: string; readonly port: number },
  whom: 'agents' | 'people',
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen({ host, port }, resolve);
  try {
    await promise;
  } catch (cause) {
    throw new ControlPlaneError({
      what: `${whom} cannot be served: ${messageOf(cause)}`,
      where: `${host}, port ${port}`,
      fix: `config.yaml names address and port: ${whom}.listen, ${whom}.port.`,
      cause,
    });
  }
  server.removeListener('error', reject);
}
