import { dirname, join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { AGENT_SOCKET } from '../api/socket.ts';
import { getStack } from '../error.ts';
import { TakenError } from '../http/bind.ts';
import { SYSTEM_URI } from '../libvirt/virsh.ts';
import { BoundedFile } from '../log/bounded-file.ts';
import { createLogger, type Logger } from '../log/logger.ts';
import { writeToStandardOutput } from '../log/standard-output.ts';
import { writeSignsOfLife } from '../process/signs-of-life.ts';
import { poolDeclarationsSchema } from '../storage/declaration.ts';
import { VERSION } from '../version.ts';
import { readNodeConfig } from './configuration/node-config.ts';
import { startMachine } from './machine.ts';
import { ASSIGNED_POOLS, readAssigned } from './pools/assigned-pools.ts';
import { openMetricsPort } from './server/metrics-port.ts';
import { createMetricsRoute } from './server/routes.ts';
import { serve } from './server/serve.ts';

/** Files and folders of an appliance that the agent uses. */
export const PLACES = {
  socket: AGENT_SOCKET,
  folder: '/quantix/node',
  logFile: '/var/log/quantix/node.log',
  uri: SYSTEM_URI,
};

export type Places = typeof PLACES;

/**
 * Runs the agent until the signal is aborted: the daemon that the service starts.
 * @returns exit status: 0 after the signal was aborted, 1 if the agent failed; the log says why
 */
export async function run(places: Places, signal: AbortSignal): Promise<number> {
  // The agent never computes for long: the optimizing compilers would only use memory. The heap may grow by 30 percent
  // between two collections instead of doubling, which would keep more garbage in memory.
  for (const flag of ['--no-opt', '--no-maglev', '--heap-growing-percent=30']) {
    setFlagsFromString(flag);
  }
  using file = new BoundedFile(places.logFile);
  const log = createLogger({ level: 'info', write: writeToStandardOutput, file });
  log.info(`qx-node ${VERSION} starts`);
  try {
    await work(places, log, signal);
    log.info('qx-node ends');
    return 0;
  } catch (error) {
    log.error(error instanceof TakenError ? error.message : getStack(error));
    return 1;
  }
}

/** Runs all parts of the agent until the signal is aborted or one of them fails; then the others end too. */
async function work(places: Places, log: Logger, stopped: AbortSignal): Promise<void> {
  const { socket, folder, uri } = places;
  const configuration = await readNodeConfig(`${folder}/node.yaml`, poolDeclarationsSchema);
  const assigned = await readAssigned(`${folder}/${ASSIGNED_POOLS}`);
  if (configuration.problem !== undefined) log.error(configuration.problem);
  const failed = new AbortController();
  const signal = AbortSignal.any([stopped, failed.signal]);
  const machine = startMachine({ uri, folder, configuration, assigned, log, signal });
  const { metrics: settings } = configuration.config;
  const port =
    settings &&
    openMetricsPort({ settings, folder, route: createMetricsRoute(machine.parts), log, signal });
  const ended = Promise.all([machine.ended, port?.ended]);
  const problems = async () => [...(await machine.parts.problems()), ...toList(port?.problem())];
  const served = serve({ parts: { ...machine.parts, problems }, socket, log, signal });
  const signsOfLife = writeSignsOfLife(join(dirname(socket), 'node.alive'), {
    onProblem: (line) => log.warning(line),
    signal,
  });
  try {
    await Promise.all([ended, served, signsOfLife]);
  } finally {
    failed.abort();
    await Promise.allSettled([ended, served, signsOfLife]);
  }
}

function toList<T>(one: T | undefined): T[] {
  return one === undefined ? [] : [one];
}
