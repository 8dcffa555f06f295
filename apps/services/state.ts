import { join } from 'node:path';
import { readNames, readText } from '../host/read.ts';

/** State of a service; `crashed` is: OpenRC started it, and its process is gone. */
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
  /** How often its supervisor has started it anew since it was started: it had ended, or did not answer. */
  restarts: number;
  /** Runlevels that it is in, such as `default`; in none, it is only started by hand or for another one. */
  runlevels: string[];
}

/** Where OpenRC keeps the state of services: a folder for each state, with a link for each service that is in it. */
const STATES = 'run/openrc';

/** In the order in which they count; a service that is on its way may still be in the folder where it was. */
const FOLDERS = ['starting', 'stopping', 'inactive', 'started', 'failed'] as const;

/**
 * Services of this machine by name, as OpenRC has them. Read from its own folders: asking `rc-status` and each script in
 * turn would take seconds, and its words differ from version to version.
 * @param root folder in which etc, proc and run are
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

/** Runlevels whose services a machine is to have once it is up. */
const LASTING = ['boot', 'default'];

/**
 * Services that are to run, and why one does not; a service counts as started once its own probe answered.
 * @param root folder in which etc, proc and run are
 */
export async function readNeeded(root = '/'): Promise<{ name: string; problem: string | null }[]> {
  const services = await readServices(root);
  return services
    .filter(({ runlevels }) => runlevels.some((level) => LASTING.includes(level)))
    .map(({ name, state }) => ({ name, problem: state === 'started' ? null : `it is ${state}` }));
}

/** One service; `null` if there is none of the name. */
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

/** True if a daemon that OpenRC has noted for a service is no more: what its own `status` looks at. */
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
