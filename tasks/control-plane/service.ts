import { type ChildProcess, spawn } from 'node:child_process';
import { chown, mkdir, open, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { ExecaError, execa } from 'execa';
import { BuildError } from '../../build/error.ts';
import { superviseGroup } from '../../build/process/child-group.ts';
import { makeScratchFolder } from '../../build/process/scratch-folder.ts';
import { type Account, findServerAccount } from './account.ts';

/** Input of `startService`. */
export interface ServiceRequest {
  /** Name shown to people; the log is `NAME.log` in its folder. */
  readonly name: string;
  /** Command that runs the service in the foreground. */
  readonly command: readonly [string, ...string[]];
  readonly folder: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly account: Account;
  /** Signal that ends it quickly and cleanly. */
  readonly stopSignal: 'SIGINT' | 'SIGTERM';
  /** Whether it can be used. */
  readonly isReady: () => Promise<boolean>;
  /** Cancels the start. */
  readonly signal?: AbortSignal | undefined;
}

/** A running service. */
export interface Service {
  readonly name: string;
  /** Process id. */
  readonly pid: number;
  /** Resolves when it has ended, with a description: `exited with 1`. */
  readonly ended: Promise<string>;
  /** Sends a signal to it, such as SIGSTOP. */
  kill(signal: NodeJS.Signals): void;
  /** Returns the last lines of its log. */
  lastWords(): Promise<string>;
  /** Ends it, and resolves when it has ended. */
  stop(): Promise<void>;
}

/** Milliseconds between two checks whether a service is ready; limits for its start and for its end. */
const POLL = 50;
const READY_WITHIN = 60_000;
const ENDED_WITHIN = 20_000;

/** Lines of a log that are shown. */
const LAST_LINES = 10;

/**
 * Makes a folder and gives it to an account. Until then it belongs to the caller, so that nobody else can interfere.
 */
export async function makeFolderFor(account: Account, path: string): Promise<void> {
  await mkdir(path, { recursive: true });
  await chown(path, account.uid, account.gid);
}

/**
 * Makes a scratch folder for services, owned by the account that they run as. The caller has to remove it.
 * @param purpose prefix of its name: `quantix-controlplane-`
 */
export async function makeServicesFolder(purpose: string): Promise<string> {
  const folder = await makeScratchFolder(purpose);
  await makeFolderFor(await findServerAccount(), folder);
  return folder;
}

/**
 * Starts a service and waits until it is ready. It receives no signals from the terminal: the caller has to end it.
 * @throws BuildError, with the last lines of its log, if it ends first or does not become ready
 */
export async function startService(request: ServiceRequest): Promise<Service> {
  const { name, command, folder, env, account, stopSignal, isReady, signal } = request;
  const file = join(folder, `${name}.log`);
  const log = await open(file, 'w');
  const [program, ...args] = command;
  const child = spawn(program, args, {
    cwd: folder,
    env: { ...process.env, ...env },
    uid: account.uid,
    gid: account.gid,
    stdio: ['ignore', log.fd, log.fd],
    detached: true,
  });
  let isEnded = false;
  const ended = endOf(child).finally(() => {
    isEnded = true;
  });
  superviseGroup(Object.assign(ended, { pid: child.pid }), undefined);
  await log.close();
  const kill = (what: NodeJS.Signals) => {
    if (!isEnded) child.kill(what);
  };
  const stop = async () => {
    kill(stopSignal);
    const done = new AbortController();
    await Promise.race([ended, settle(wait(ENDED_WITHIN, undefined, { signal: done.signal }))]);
    done.abort();
    kill('SIGKILL');
    await ended;
  };
  const lastWords = async () => {
    const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
    return lines.slice(-LAST_LINES).join('\n');
  };
  const service = { name, pid: child.pid ?? 0, ended, kill, lastWords, stop };
  try {
    for (const deadline = Date.now() + READY_WITHIN; !(await isReady()); await wait(POLL)) {
      signal?.throwIfAborted();
      if (isEnded || Date.now() > deadline) throw await explainEnd(service, isEnded);
    }
    return service;
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Describes how a process ended, or why it did not start. */
async function endOf(child: ChildProcess): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  child.once('error', ({ message }) => resolve(`cannot be run: ${message}`));
  child.once('exit', (exitCode, signal) =>
    resolve(signal === null ? `exited with ${exitCode}` : `was ended by ${signal}`),
  );
  return await promise;
}

/** Returns the error for a service that does not run, or does not work. */
export async function explainEnd(
  { name, ended, lastWords }: Service,
  isEnded = true,
): Promise<BuildError> {
  const how = isEnded ? await ended : 'does not become ready';
  const words = await lastWords();
  return new BuildError({ what: `${name} ${how}${words === '' ? '' : `:\n${words}\n`}` });
}

async function settle(work: Promise<unknown>): Promise<void> {
  await Promise.allSettled([work]);
}

/** Runs a script of the image that checks whether its service is ready. */
export async function askScript(
  script: string,
  { env, account, folder }: Pick<ServiceRequest, 'env' | 'account' | 'folder'>,
): Promise<boolean> {
  const { uid, gid } = account;
  const options = { env: { ...env }, uid, gid, cwd: folder, reject: false } as const;
  return (await execa(script, ['ready'], options)).exitCode === 0;
}

/**
 * Runs a script of the image that prepares what its service needs.
 * @throws BuildError with the script's messages
 */
export async function prepareWithScript(
  script: string,
  { env, account, folder }: Pick<ServiceRequest, 'env' | 'account' | 'folder'>,
): Promise<void> {
  const { uid, gid } = account;
  try {
    await execa(script, ['prepare'], { env: { ...env }, uid, gid, cwd: folder });
  } catch (error) {
    if (!(error instanceof ExecaError)) throw error;
    const output = String(error.stderr ?? '').trim();
    throw new BuildError({
      what: `${basename(script)} cannot be prepared: ${output === '' ? error.shortMessage : output}`,
      where: folder,
      fix:
        error.code === 'EACCES'
          ? `Let the account ${account.name} read the project’s folder, or be another user than root.`
          : undefined,
      cause: error,
    });
  }
}
