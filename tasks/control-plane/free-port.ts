import { once } from 'node:events';
import { createServer } from 'node:net';
import { z } from 'zod';

/** Ports that were handed out; their users may not listen yet. */
const given = new Set<number>();

/** Returns a port of this host that is unused and that this process has not handed out before. */
export async function findFreePort(): Promise<number> {
  for (;;) {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = z.object({ port: z.number() }).parse(server.address());
    server.close();
    if (given.has(port)) continue;
    given.add(port);
    return port;
  }
}
