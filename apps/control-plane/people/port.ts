import { createServer, type Server } from 'node:net';
import { listenOn } from '../listen-on.ts';

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
export async function openPort(address: PeopleAddress): Promise<OpenPort> {
  const server = createServer((socket) => socket.destroy());
  await listenOn(server, address, 'people');
  // It alone keeps no program running: one that fails before it serves ends.
  server.unref();
  return server;
}
