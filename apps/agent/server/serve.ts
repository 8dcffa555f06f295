import { getStack } from '../../error.ts';
import { bind } from '../../http/bind.ts';
import { createApiServer } from '../../http/server.ts';
import type { Logger } from '../../log/logger.ts';
import { explainError } from './explain-error.ts';
import type { Parts } from './parts.ts';
import { createRoutes } from './routes.ts';

export interface ServeOptions {
  parts: Parts;
  /** Path of the Unix socket. */
  socket: string;
  log: Logger;
  /** Ends the server. */
  signal: AbortSignal;
}

/**
 * Answers on the socket until the signal is aborted. Requests in progress are then cut off.
 * @throws Error if it cannot listen there
 */
export async function serve({ parts, socket, log, signal }: ServeOptions): Promise<void> {
  const onBug = (error: unknown) => log.error(getStack(error));
  const server = createApiServer({ routes: createRoutes(parts), explain: explainError, onBug });
  await bind(server, socket);
  log.info(`listening on ${socket}`);
  const closed = new Promise<void>((resolve) => server.once('close', resolve));
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  if (signal.aborted) close();
  else signal.addEventListener('abort', close, { once: true });
  await closed;
}
