import { join } from 'node:path';
import { readNames, readText } from '../host/read.ts';

/** State of a service; `crashed` means that OpenRC started it, and its process has ended. */
export type ServiceState =
  | 'started'
  | 'starting'
  | 'stopping'
  | 'stopped'
  | 'inactive'
  | 'failed'
  | 'crashed';

export interface Service {
  name: string;
  state: ServiceState;
  /** Number of times that its supervisor restarted it since its start, because it ended or did not answer. */
  restarts: number;
  /**
   * Runlevels that contain it, such as `default`; without one, it starts only by hand or because another service needs
   * it.
   */
  runlevels: string[];
}

/** Where OpenRC stores the state of services: a folder for each state, with a link for each service in that state. */
const STATES = 'run/openrc';

/** By precedence: a service whose state is changing may still be in the folder of its previous state. */
const FOLDERS = ['starting', 'stopping', 'inactive', 'started', 'failed'] as const;

/**
 * Reads the services of this machine, by name, from OpenRC's own folders: calling `rc-status` and each script would
 * take seconds, and their output differs between versions.
 * @param root folder that contains etc, proc and run
 */
export async function readServices(root = '/'): Promise<Service[]> {
  const [scripts, levels, ...folders] = await Promise.all([
    readNames(join(root, 'etc/init.d')),
    readRunlevels(root),
    ...FOLDERS.map((folder) => readNames(join(root, STATES, folder))),
  ]);
  const known = [...scripts, ...levels.flatMap(({ names }) => names), ...folders.flat()];
  const names = [...new Set(known)].filter((name) => !name.endsWith('.sh')).sort();
  return await Promise.all(
    names.map(async (name) => {
      const state = FOLDERS.find((_, index) => folders[index]?.includes(name)) ?? 'stopped';
      const isCrashed = state === 'started' && (await hasCrashed(name, root));
      const count = (await readText(join(root, STATES, 'options', name, 'start_count'))).trim();
      const runlevels = levels.filter((level) => level.names.includes(name));
      return {
        name,
        state: isCrashed ? 'crashed' : state,
        restarts: state === 'started' && /^\d{1,9}$/.test(count) ? Number(count) : 0,
        runlevels: runlevels.map(({ level }) => level),
      };
    }),
  );
}

/** Runlevels whose services must run once a machine is up. */
const LASTING = ['boot', 'default'];

/**
 * Reads the services that should run, each with the reason if it does not run. A service counts as started once its own
 * probe has answered.
 * @param root folder that contains etc, proc and run
 */
export async function readNeeded(root = '/'): Promise<{ name: string; problem: string | null }[]> {
  const services = await readServices(root);
  return services
    .filter(({ runlevels }) => runlevels.some((level) => LASTING.includes(level)))
    .map(({ name, state }) => ({ name, problem: state === 'started' ? null : `it is ${state}` }));
}

/** Reads one service; returns `null` if there is none of that name. */
export async function readService(name: string, root = '/'): Promise<Service | null> {
  return (await readServices(root)).find((service) => service.name === name) ?? null;
}

async function readRunlevels(root: string): Promise<{ level: string; names: string[] }[]> {
  const folder = join(root, 'etc/runlevels');
  return await Promise.all(
    (await readNames(folder)).map(async (level) => ({
      level,
      names: await readNames(join(folder, level)),
    })),
  );
}

/**
 * Returns whether a daemon that OpenRC recorded for a service has ended, according to the PID files that OpenRC's own
 * `status` also reads.
 */
async function hasCrashed(name: string, root: string): Promise<boolean> {
  const folder = join(root, STATES, 'daemons', name);
  for (const note of await readNames(folder)) {
    const [, pidFile] = /^pidfile=(\/.+)$/m.exec(await readText(join(folder, note))) ?? [];
    if (pidFile === undefined) continue;
    const [pid] = /^\d{1,10}/.exec((await readText(join(root, pidFile))).trim()) ?? [];
    if (pid === undefined) return true;
    if ((await readText(join(root, 'proc', pid, 'stat'))) === '') return true;
  }
  return false;
}
