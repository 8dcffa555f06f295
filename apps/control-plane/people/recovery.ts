import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Authority } from '../trust/authority.ts';
import { type OpenPort, passConnections } from './port.ts';
import { formatProblem, HEADERS, PROBLEM_TYPE } from './problem.ts';

/** Milliseconds for which a connection may last, and maximum number of concurrent connections. */
const CONNECTIONS = { life: 30_000, most: 64 };

const FIX = 'qx-controlplane doctor on its machine says what to do.';

/**
 * Answers every request on the port for people with status 503 and the reason why the control plane cannot serve:
 * browsers get a page, programs `application/problem+json`.
 * @param authority issues the certificate
 * @returns a function that ends this, so that a server can take the port over
 */
export async function serveRecovery(
  port: OpenPort,
  authority: Authority,
  reason: () => string | undefined,
): Promise<() => void> {
  const { key, chain } = await authority.serverCertificate();
  const server = createServer({ key, cert: chain, minVersion: 'TLSv1.2' }, (request, response) =>
    answer(request, response, reason()),
  );
  const open = new Set<Socket>();
  const end = passConnections(port, (socket) => {
    if (open.size >= CONNECTIONS.most) return void socket.destroy();
    open.add(socket);
    socket.on('error', () => undefined);
    const life = setTimeout(() => socket.destroy(), CONNECTIONS.life);
    socket.once('close', () => {
      clearTimeout(life);
      open.delete(socket);
    });
    server.emit('connection', socket);
  });
  return () => {
    end();
    for (const socket of open) socket.destroy();
  };
}

function answer(
  { headers: { accept = '' } }: IncomingMessage,
  response: ServerResponse,
  reason = 'the control plane starts',
): void {
  const isForBrowser = accept.includes('text/html');
  response.writeHead(503, {
    ...HEADERS,
    'content-type': isForBrowser ? 'text/html; charset=utf-8' : PROBLEM_TYPE,
    'retry-after': '10',
    connection: 'close',
  });
  response.end(isForBrowser ? page(reason) : formatProblem(503, reason, FIX));
}

function page(reason: string): string {
  const text = reason.replaceAll(/[&<>]/g, (one) => `&#${one.charCodeAt(0)};`);
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>The control plane cannot serve</title>
<h1>The control plane cannot serve</h1>
<p>${text}</p>
<p>${FIX}</p>
</html>
`;
}
