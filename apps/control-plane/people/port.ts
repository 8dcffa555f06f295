import { createServer, type Server, type Socket } from 'node:net';
import { listenOn } from '../listen-on.ts';

/** Address of the server for people. */
export interface PeopleAddress {
  /** An address of this machine. */
  readonly listen: string;
  readonly port: number;
}

/** A port on which this process listens; a server takes it over with `listen`. */
export type OpenPort = Server;

/**
 * Listens on a port, and closes connections until a server has taken it over.
 * @throws ControlPlaneError if it cannot listen
 */
export async function openPort(address: PeopleAddress): Promise<OpenPort> {
  const server = createServer(refuse);
  await listenOn(server, address, 'people');
  // The open port does not keep the process alive: a program that fails before it serves ends.
  server.unref();
  return server;
}

/** Passes the connections to a port on to `take`, instead of closing them. @returns a function that ends this */
export function passConnections(port: OpenPort, take: (socket: Socket) => void): () => void {
  port.removeListener('connection', refuse);
  port.on('connection', take);
  return () => {
    port.removeListener('connection', take);
    port.on('connection', refuse);
  };
}

function refuse(socket: Socket): void {
  socket.destroy();
}
