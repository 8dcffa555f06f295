import { errorCode } from './errno.ts';

/** Milliseconds between SIGTERM and SIGKILL for children that are being ended. */
export const KILL_AFTER = 500;

/** The part of one of execa's children that is needed to end it; settles when it has ended and closed its output. */
interface Child extends PromiseLike<unknown> {
  readonly pid?: number | undefined;
}

/** Process ids of the children that run now; each leads a process group of its own. */
const running = new Set<number>();

/**
 * Makes a child that leads a process group (`detached`) end together with its own children. When the signal is
 * aborted, the whole group gets SIGTERM and, `KILL_AFTER` later, SIGKILL: a leader such as fakeroot's shell script
 * would leave the tool that it runs behind.
 * @returns the child
 */
export function inGroup<T extends Child>(child: T, signal: AbortSignal | undefined): T {
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

/** Ends the children that run now, and all that they started, at once. For a process that is about to exit. */
export function killChildren(): void {
  for (const pid of running) signalGroup(pid, 'SIGKILL');
}

/** A signal that is aborted when any of these is; those that are absent never are. */
export function anySignal(...signals: (AbortSignal | undefined)[]): AbortSignal {
  return AbortSignal.any(signals.filter((signal) => signal !== undefined));
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    // All of the group has ended already.
    if (errorCode(error) !== 'ESRCH') throw error;
  }
}
