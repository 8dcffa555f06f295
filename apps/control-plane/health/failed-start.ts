import { dirname, join } from 'node:path';
import { bind } from '../../http/bind.ts';
import { createApiServer } from '../../http/server.ts';
import { writeSignsOfLife } from '../../process/signs-of-life.ts';
import type { OpenPort } from '../people/port.ts';
import { type Authority, makeTemporaryAuthority } from '../trust/authority.ts';
import { isPersistent } from './persistence.ts';
import { UNASKED } from './probes.ts';
import { createHealthRoutes, NO_ELECTION } from './routes.ts';
import { writeState } from './state-file.ts';

export interface FailedStart {
  /** Why the control plane cannot start, for people. */
  readonly reason: string;
  readonly version: string;
  /** Path of the socket on which its health is served. */
  readonly socket: string;
  /** The port for people, if it could be opened. */
  readonly port: OpenPort | undefined;
  /** Undefined if it could not be read. */
  readonly authority: Authority | undefined;
  /** Receives a line for the log about what cannot be written. */
  readonly onProblem: (line: string) => void;
  /** Ends the display of the reason. */
  readonly signal: AbortSignal;
}

/**
 * Shows why the control plane could not start, in the same places as a running control plane that cannot serve: in its
 * health, which the console and `doctor` read, in the state of its service, and to people on their port.
 * @throws errors of the disk, or TakenError if another program serves on the socket
 */
export async function showFailedStart(failed: FailedStart): Promise<void> {
  const { reason, version, socket, port, authority, onProblem, signal } = failed;
  const persistent = await isPersistent();
  const facts = async () => ({
    ...{ version, problem: reason, limited: undefined, schemaVersion: undefined, persistent },
    ...{ leadership: NO_ELECTION, services: UNASKED, alerts: [] },
    ...{ pool: { total: 0, idle: 0, waiting: 0 }, calls: [] },
  });
  const server = createApiServer({
    routes: createHealthRoutes(facts),
    explain: () => undefined,
    onBug: () => undefined,
  });
  await bind(server, socket);
  let endRecovery: (() => void) | undefined;
  try {
    const unwritten = await writeState(socket, 'failed', reason);
    if (unwritten !== undefined) onProblem(unwritten);
    if (port !== undefined) {
      const { serveRecovery } = await import('../people/recovery.ts');
      endRecovery = await serveRecovery(
        port,
        authority ?? (await makeTemporaryAuthority()),
        () => reason,
      );
    }
    await writeSignsOfLife(join(dirname(socket), 'alive'), { onProblem, signal });
  } finally {
    endRecovery?.();
    server.close();
    server.closeAllConnections();
  }
}
