import { createServer, type Server } from 'node:net';
import { messageOf } from '../../error.ts';
import { ControlPlaneError } from '../error.ts';

/** Where people are served. */
export interface PeopleAddress {
  /** An address of this machine. */
  readonly listen: string;
  readonly port: number;
}

/** A port on which this process listens; a server takes it over by `listen`. */
export type OpenPort = Server;

/**
 * Listens on a port, and lets go of whoever calls before a server has taken it over.
 * @throws ControlPlaneError if it cannot
 */
export async function openPort({ listen: host, port }: PeopleAddress): Promise<OpenPort> {
  const server = createServer((socket) => socket.destroy());
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen({ host, port }, resolve);
  try {
    await promise;
  } catch (cause) {
    throw new ControlPlaneError({
      what: `people cannot be served: ${messageOf(cause)}`,
      where: `${host}, port ${port}`,
      fix: 'config.yaml names address and port: people.listen, people.port.',
      cause,
    });
  }
  server.removeListener('error', reject);
  // It alone keeps no program running: one that fails before it serves ends.
  server.unref();
  return server;
}
