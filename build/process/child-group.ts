import { errorCode } from './errno.ts';

/** Milliseconds between SIGTERM and SIGKILL when children are ended. */
export const KILL_AFTER = 500;

/** The part of execa's child that is needed to end it; settles when the child has ended and closed its output. */
interface Child extends PromiseLike<unknown> {
  readonly pid?: number | undefined;
}

/** Process ids of running children; each leads its own process group. */
const running = new Set<number>();

/**
 * Ends a child that leads a process group (`detached`), and everything that it started, when the signal is aborted: the
 * whole group gets SIGTERM and, `KILL_AFTER` later, SIGKILL. Ending only the leader, such as fakeroot's shell script,
 * would leave the tool that it runs.
 * @returns the child
 */
export function superviseGroup<T extends Child>(child: T, signal: AbortSignal | undefined): T {
  const { pid } = child;
  if (pid === undefined) return child;
  running.add(pid);
  let force: NodeJS.Timeout | undefined;
  const end = () => {
    signalGroup(pid, 'SIGTERM');
    force = setTimeout(() => signalGroup(pid, 'SIGKILL'), KILL_AFTER);
  };
  const ended = () => {
    running.delete(pid);
    signal?.removeEventListener('abort', end);
    if (force === undefined) return;
    clearTimeout(force);
    signalGroup(pid, 'SIGKILL');
  };
  child.then(ended, ended);
  if (signal?.aborted === true) end();
  else signal?.addEventListener('abort', end, { once: true });
  return child;
}

/** Kills all running children and everything they started; for a process that is about to exit. */
export function killChildren(): void {
  for (const pid of running) signalGroup(pid, 'SIGKILL');
}

/** Returns a signal that is aborted when any of the given signals is aborted; absent signals are ignored. */
export function combineSignals(...signals: (AbortSignal | undefined)[]): AbortSignal {
  return AbortSignal.any(signals.filter((signal) => signal !== undefined));
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    // The whole group has already ended.
    if (errorCode(error) !== 'ESRCH') throw error;
  }
}
