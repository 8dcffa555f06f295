import { once } from 'node:events';
import { createServer } from 'node:net';
import { z } from 'zod';

/** Ports that were given: who has one may not listen yet. */
const given = new Set<number>();

/** A port of this host that nobody uses, and that was not given before by this process. */
export async function freePort(): Promise<number> {
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
