import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { getStack, messageOf } from '../../error.ts';
import { DiskError } from '../../files/disk-error.ts';
import { ApiError } from '../../http/error.ts';
import type { Route } from '../../http/route.ts';
import { createApiServer } from '../../http/server.ts';
import type { Logger } from '../../log/logger.ts';
import { closePort, type FirewallOptions, openPort } from '../../network/firewall.ts';
import { getErrorCode } from '../../process/code-of.ts';
import { CommandError } from '../../process/command-error.ts';
import { type Clock, systemClock } from '../../watch/clock.ts';
import type { MetricsSettings } from '../configuration/node-config.ts';
import { explainError } from './explain-error.ts';
import { ensureMetricsCertificate } from './metrics-certificate.ts';

export interface MetricsPortOptions {
  settings: MetricsSettings;
  /** Folder of its certificate. */
  folder: string;
  /** Answers `GET /metrics`. */
  route: Route;
  log: Logger;
  /** Closes the port. */
  signal: AbortSignal;
  clock?: Clock;
  firewall?: FirewallOptions;
}

/** A port for metrics. */
export interface MetricsPort {
  /** Why it is not open; `undefined` while it is. */
  problem: () => string | undefined;
  /** Resolves after the signal is aborted; rejects on a bug. */
  ended: Promise<void>;
}

/** Milliseconds before another attempt to open the port. */
const PAUSE = 60_000;

/** Name of the service in the firewall. */
const SERVICE = 'metrics';

/**
 * Serves metrics over TLS to clients with the token, until the signal is aborted. A failed attempt is logged and
 * repeated.
 */
export function openMetricsPort(options: MetricsPortOptions): MetricsPort {
  const { settings, log, signal, clock = systemClock } = options;
  let problem: string | undefined;
  const work = async () => {
    while (!signal.aborted) {
      try {
        await serveOnce(options, clock, () => {
          problem = undefined;
        });
      } catch (error) {
        if (!isExpected(error)) throw error;
        const before = problem;
        problem = `metrics are not served at port ${settings.port}: ${messageOf(error)}`;
        if (before !== problem) log.error(problem);
        await clock.sleep(PAUSE, signal);
      }
    }
  };
  return { problem: () => problem, ended: work() };
}

/** Serves until the signal is aborted. @throws the error because of which the port cannot be opened or stay open */
async function serveOnce(
  { settings, folder, route, log, signal, firewall }: MetricsPortOptions,
  clock: Clock,
  onOpen: () => void,
): Promise<void> {
  const { port, token } = settings;
  const { key, cert, fingerprint } = await ensureMetricsCertificate(folder, {
    clock,
    log: log.warning,
  });
  const answer: Route['answer'] = async (request, id) => {
    expectToken(request, token);
    return await route.answer(request, id);
  };
  const server = createApiServer({
    routes: [{ ...route, answer }],
    explain: explainError,
    onBug: (error) => log.error(getStack(error)),
    tls: { key, cert },
  });
  const listening = Promise.withResolvers<void>();
  server.once('error', listening.reject);
  server.listen(port, () => listening.resolve());
  await listening.promise;
  const closed = new Promise<void>((resolve) => server.once('close', resolve));
  try {
    await openPort(SERVICE, port, { signal, ...firewall });
    log.info(`metrics are served at port ${port}; SHA-256 of the certificate: ${fingerprint}`);
    onOpen();
    if (!signal.aborted)
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    await closePort(SERVICE, port, firewall);
  } finally {
    server.close();
    server.closeAllConnections();
    await closed;
  }
}

/** Checks the token of a request. @throws ApiError 401 */
function expectToken({ headers }: IncomingMessage, token: string): void {
  const [, shown = ''] = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '') ?? [];
  if (timingSafeEqual(digest(shown), digest(token))) return;
  throw new ApiError(401, 'the request needs the token of node.yaml', {
    headers: { 'www-authenticate': 'Bearer' },
  });
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** Returns whether an error is caused by the machine and is not a bug. */
function isExpected(error: unknown): boolean {
  return (
    error instanceof DiskError || error instanceof CommandError || getErrorCode(error) !== undefined
  );
}
