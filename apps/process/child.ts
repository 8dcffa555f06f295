import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { getErrorCode } from './code-of.ts';
import { CommandError } from './command-error.ts';

/** Milliseconds between SIGTERM and SIGKILL for a child that is to end. */
export const FORCE_KILL_AFTER = 2_000;

/** A child to start. */
export interface ChildRequest {
  command: string;
  args: readonly string[];
  stdio: StdioOptions;
  /** Ends the child when aborted: SIGTERM, then SIGKILL. */
  signal: AbortSignal;
  /** Milliseconds between the two signals; `FORCE_KILL_AFTER` if absent. */
  forceKillAfter?: number | undefined;
}

/** How a child ended: exactly one of the two is not null. */
export interface Ending {
  exitCode: number | null;
  signal: NodeJS.Signals | null;
}

/** A child process. It counts as ended when it has exited and all its output has been read. */
export interface Child {
  process: ChildProcess;
  /** Rejects with a CommandError if the child cannot be started, for example because its program is missing. */
  ended: Promise<Ending>;
}

/** Process groups that are ended together with this process. */
const groups = new Set<number>();

/**
 * Starts a child. Its locale is C with UTF-8, so that its output can be parsed. It has its own session and process
 * group, so that it ends with its children and cannot write to a console. Uses node:child_process, because execa takes
 * 10 MB of memory in each long-running program, and the agent may use only 70 MB.
 * @throws CommandError if the system refuses to start any child like this, for lack of memory or because an argument is
 *   too long
 */
export function startChild({
  command,
  args,
  stdio,
  signal,
  forceKillAfter = FORCE_KILL_AFTER,
}: ChildRequest): Child {
  const child = begin({ command, args, stdio });
  const { promise, resolve, reject } = Promise.withResolvers<Ending>();
  let force: NodeJS.Timeout | undefined;
  const end = () => {
    killGroup(child, 'SIGTERM');
    force = setTimeout(() => killGroup(child, 'SIGKILL'), forceKillAfter);
  };
  const settle = () => {
    clearTimeout(force);
    signal.removeEventListener('abort', end);
    if (child.pid !== undefined) groups.delete(child.pid);
  };
  child.once('error', (cause) => {
    settle();
    reject(startError({ command, args }, cause));
  });
  child.once('close', (exitCode, killedBy) => {
    settle();
    resolve({ exitCode, signal: killedBy });
  });
  if (child.pid !== undefined) remember(child.pid);
  if (signal.aborted) end();
  else signal.addEventListener('abort', end, { once: true });
  return { process: child, ended: promise };
}

function begin({ command, args, stdio }: Pick<ChildRequest, 'command' | 'args' | 'stdio'>) {
  try {
    return spawn(command, args, {
      stdio,
      detached: true,
      env: { ...process.env, LC_ALL: 'C.UTF-8' },
    });
  } catch (error) {
    // Node emits only some of the system's refusals as events, and throws the others.
    if (error instanceof Error && 'syscall' in error) throw startError({ command, args }, error);
    throw error;
  }
}

function remember(group: number): void {
  if (groups.size === 0 && !process.listeners('exit').includes(endAll)) process.on('exit', endAll);
  groups.add(group);
}

function endAll(): void {
  for (const group of groups) kill(-group, 'SIGTERM');
}

function killGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid !== undefined) kill(-pid, signal);
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // It has already ended.
    if (getErrorCode(error) !== 'ESRCH') throw error;
  }
}

function startError(asked: Pick<ChildRequest, 'command' | 'args'>, cause: Error): CommandError {
  const code = getErrorCode(cause);
  if (code === 'ENOENT') return new CommandError({ ...asked, failure: 'missing', cause });
  return new CommandError({ ...asked, failure: 'start', detail: code ?? cause.message, cause });
}
