import { CommandError } from '../process/command-error.ts';
import { run } from '../process/run.ts';

/** Milliseconds that starting a service and its dependencies may take: the first start of a database is slow. */
const PATIENCE = 180_000;

/** A service could not be started, stopped or restarted. `message` says why, in one line. */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';
}

/** How a service is controlled. */
export interface ControlOptions {
  signal?: AbortSignal | undefined;
  /** Path of rc-service; found in PATH if absent. */
  program?: string;
}

/**
 * Starts a service and the services that it needs; does nothing if it runs.
 * @throws ServiceError saying why it does not start
 */
export async function startService(name: string, options?: ControlOptions): Promise<void> {
  await control(name, 'start', options);
}

/** Stops a service and the services that need it. @throws ServiceError saying why it does not stop */
export async function stopService(name: string, options?: ControlOptions): Promise<void> {
  await control(name, 'stop', options);
}

/** Stops a service and starts it again. @throws ServiceError saying why it does not stop or start */
export async function restartService(name: string, options?: ControlOptions): Promise<void> {
  await control(name, 'restart', options);
}

async function control(
  name: string,
  command: 'start' | 'stop' | 'restart',
  { program = 'rc-service', signal }: ControlOptions = {},
): Promise<void> {
  if (!/^[A-Za-z0-9][A-Za-z0-9._+-]*$/.test(name)) {
    throw new ServiceError(`there is no service ${JSON.stringify(name)}`);
  }
  try {
    await run(program, ['--nocolor', name, command], { timeout: PATIENCE, signal });
  } catch (error) {
    if (!(error instanceof CommandError) || error.failure !== 'exit') throw error;
    const words = lastWords(error.stderr) ?? error.message;
    throw new ServiceError(`${name}: ${words}`, { cause: error });
  }
}

/** Returns the last line that OpenRC wrote, without `*` and `ERROR:`. */
function lastWords(stderr: string): string | undefined {
  const lines = stderr.split('\n').map((line) => line.replace(/^\s*\*\s*(ERROR:\s*)?/, '').trim());
  return lines.filter((line) => line !== '').at(-1);
}
