import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import * as z from 'zod';
import { type UpdateStatus, updateStatusSchema } from '../../api/update.ts';
import { CommandError } from '../../process/command-error.ts';
import { run } from '../../process/run.ts';
import { TaskErrorCode } from '../../proto/gen/quantix/v1/task_pb.js';
import { deriveServerName } from '../../proto/names.ts';
import { formatBytes as inWords } from '../../text/amount.ts';
import { parseCertificates } from '../membership/identity/chain.ts';
import { computeFingerprint } from '../membership/identity/pin.ts';
import type { Executor, TaskRun } from './commander.ts';
import { TaskFailure } from './failure.ts';
import { check } from './vm-spec.ts';

/** Dependencies of updates. */
export interface UpdateDeps {
  /** Returns the control plane that serves updates, and its authorities in PEM; undefined if the host has left it. */
  readonly server: () => Promise<{ origin: string; caCertificates: string } | undefined>;
  /** Path of qx-update; the appliance's if absent. */
  readonly program?: string;
  /** Milliseconds between two reads of the progress; 2 s if absent. */
  readonly lookEvery?: number;
}

const QX_UPDATE = '/usr/sbin/qx-update';

/** Longest run of qx-update, in milliseconds. Usually qx-update or the deadline of the task ends a download earlier. */
const LONGEST = 24 * 60 * 60 * 1000;
/** Milliseconds that qx-update may take to report its status. */
const TOLD_WITHIN = 60_000;
/** Milliseconds that qx-update may take to check a release: it retries the server for a minute. */
const CHECKED_WITHIN = 120_000;
const LOOK_EVERY = 2000;

const requestSchema = z.object({
  channel: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/, 'must be the name of a channel'),
  serial: z.bigint().min(1n),
  version: z.string().regex(/^[0-9A-Za-z.-]{1,80}$/, 'must be a version'),
  stageOnly: z.boolean(),
});

type Request = z.infer<typeof requestSchema>;

/**
 * Updates the host with qx-update, which decides which release may be installed and whether the new version is healthy.
 * An update restarts the host; the agent reads its result after the restart.
 */
export function updateVerb(deps: UpdateDeps): Executor {
  return {
    objectOf: () => 'update',
    carryOut: async (taskRun) => {
      const request = check(requestSchema, taskRun.task.verb.value, 'update_host');
      // A task that an earlier run of the agent began may have restarted the host: its outcome is waited for.
      const read = taskRun.again ? readPatiently(request, deps, taskRun) : undefined;
      const status = await (read ?? readStatus(deps, taskRun.signal));
      if (runs(status, request)) return {};
      const isUnderWay = taskRun.again && isSettling(status, request, taskRun);
      if (!isUnderWay && !isStaged(status, request)) {
        const isHere = await fromServer(deps, request, async (server) => {
          const same = ownVersion(status) === request.version;
          if (same && (await isWhatRuns(request, { server, deps, taskRun }))) return true;
          await stage(request, { server, deps, taskRun });
          return false;
        });
        if (isHere) return {};
      }
      if (request.stageOnly) return {};
      if (!isUnderWay) {
        taskRun.progress(80, `restarts into ${request.version}`);
        await qxUpdate(['activate'], deps, taskRun.signal);
      }
      await settled(request, deps, taskRun);
      return {};
    },
  };
}

/** Returns whether a release runs and is confirmed. */
function runs({ state, slots, booted }: UpdateStatus, { serial, version }: Request): boolean {
  const own = slots.find(({ slot }) => slot === booted);
  const isIt = own?.version === version && own.serial === Number(serial);
  return state === 'good' && isIt;
}

/** Returns the version that runs and is confirmed; undefined if none is. */
function ownVersion({ state, slots, booted }: UpdateStatus): string | null | undefined {
  return state === 'good' ? slots.find(({ slot }) => slot === booted)?.version : undefined;
}

/** The part of qx-update's answer about a release that is used; older versions do not have `runs`. */
const checkedSchema = z.object({ serial: z.number(), runs: z.boolean().default(false) });

/** Context of a check or a download. */
interface Staging {
  /** Options of qx-update that name the server. */
  readonly server: readonly string[];
  readonly deps: UpdateDeps;
  readonly taskRun: TaskRun;
}

/**
 * Returns whether the running image is that of a release, byte for byte, although it came from a medium and therefore
 * has no serial. If the version is the same but the image is not known to be the same, this is reported as progress,
 * and the caller stages the release like any other.
 */
async function isWhatRuns(
  { version, serial }: Request,
  { server, deps, taskRun }: Staging,
): Promise<boolean> {
  const args = ['check', '--json', ...server];
  const text = await qxUpdate(args, deps, taskRun.signal, CHECKED_WITHIN);
  const checked = checkedSchema.parse(JSON.parse(text));
  if (checked.serial === Number(serial) && checked.runs) return true;
  taskRun.progress(0, `${version} runs, and is not known to be this release`);
  return false;
}

/** Returns whether a release is in the unused slot. */
function isStaged({ slots, booted }: UpdateStatus, { serial, version }: Request): boolean {
  return slots.some(
    (one) => one.slot !== booted && one.version === version && one.serial === Number(serial),
  );
}

/**
 * Returns whether the restart into a release has begun: the release is on trial, will be on trial, or its trial has
 * ended.
 */
function isSettling(status: UpdateStatus, request: Request, { begunAt }: TaskRun): boolean {
  return (
    status.state === 'trial' ||
    status.trial !== null ||
    outcomeOf(status, request, begunAt) !== undefined
  );
}

/** Returns the result of a trial of this version that ended after the task was begun; older results are ignored. */
function outcomeOf({ last }: UpdateStatus, { version }: Request, begunAt: Date) {
  return last?.version === version && Date.parse(last.at) >= begunAt.getTime() ? last : undefined;
}

/**
 * Calls `work` with the options of qx-update that name the control plane as the server of a release.
 * @throws TaskFailure if there is no control plane
 */
async function fromServer<T>(
  deps: UpdateDeps,
  { channel, serial }: Request,
  work: (server: readonly string[]) => Promise<T>,
): Promise<T> {
  const server = await deps.server();
  if (server === undefined) {
    throw new TaskFailure(TaskErrorCode.CONFLICT, 'the host belongs to no control plane');
  }
  const folder = await mkdtemp(join(tmpdir(), 'quantix-update-'));
  try {
    const ca = join(folder, 'ca.pem');
    await writeFile(ca, server.caCertificates);
    const [root] = parseCertificates(server.caCertificates, 'the control plane’s authorities');
    const name = root === undefined ? '' : deriveServerName(computeFingerprint(root));
    return await work([
      ...['--server', `${server.origin}/updates/at/${serial}`, '--channel', channel],
      ...['--ca', ca, '--tls-name', name],
    ]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function stage(request: Request, { server, deps, taskRun }: Staging): Promise<void> {
  const watching = new AbortController();
  const signal = AbortSignal.any([taskRun.signal, watching.signal]);
  const watched = reportProgress(request, deps, { ...taskRun, signal });
  try {
    taskRun.progress(0, `asks for ${request.version}`);
    await qxUpdate(['stage', ...server], deps, taskRun.signal);
  } finally {
    watching.abort();
    await watched;
  }
  if (isStaged(await readPatiently(request, deps, taskRun), request)) return;
  const what = `what was staged is not ${request.version}, serial ${request.serial}`;
  throw new TaskFailure(TaskErrorCode.CONFLICT, what);
}

/** Reports the progress of a download until the signal is aborted. */
async function reportProgress(
  { version }: Request,
  deps: UpdateDeps,
  { signal, progress }: Pick<TaskRun, 'signal' | 'progress'>,
): Promise<void> {
  while (!signal.aborted) {
    await wait(deps.lookEvery ?? LOOK_EVERY, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    const status = await readStatus(deps, signal).catch(() => undefined);
    const staging = status?.staging;
    if (staging?.running !== true || staging.version !== version || staging.bytes <= 0) continue;
    const share = Math.min(staging.done / staging.bytes, 1);
    const message = `downloads ${version}: ${inWords(staging.done)} of ${inWords(staging.bytes)}`;
    progress(Math.floor(75 * share), message);
  }
}

/** Waits until a version is confirmed. @throws TaskFailure if the host went back to its previous version */
async function settled(request: Request, deps: UpdateDeps, taskRun: TaskRun): Promise<void> {
  const { version } = request;
  const { signal, progress, begunAt } = taskRun;
  for (;;) {
    const status = await readPatiently(request, deps, taskRun);
    if (runs(status, request)) return;
    const outcome = outcomeOf(status, request, begunAt);
    if (outcome !== undefined && outcome.result !== 'confirmed') {
      const why = outcome.reasons.length === 0 ? 'it did not come up' : outcome.reasons.join('; ');
      const what = `the host went back from ${version} to ${outcome.before}: ${why}`;
      throw new TaskFailure(TaskErrorCode.CONFLICT, what);
    }
    if (status.state === 'refused') {
      throw new TaskFailure(TaskErrorCode.CONFLICT, status.problem ?? 'updates are refused');
    }
    if (status.state === 'trial') progress(90, `${version} is on trial`);
    await wait(deps.lookEvery ?? LOOK_EVERY, undefined, { signal });
  }
}

/**
 * Reads the status until it is known. While it is not, the update may go on, so that this is no failure of the task.
 * @throws TaskFailure TIMEOUT, with the reason, if it is not known at the deadline of the task
 */
async function readPatiently(
  { version }: Request,
  deps: UpdateDeps,
  { signal, progress }: TaskRun,
): Promise<UpdateStatus> {
  for (let told = ''; ; ) {
    let why: string;
    try {
      const status = await readStatus(deps, signal);
      // qx-update could not read the disk: nothing about it is known.
      const isUnknown = status.state === 'refused' && status.booted === null;
      if (!isUnknown) return status;
      why = status.problem ?? 'qx-update cannot read it';
    } catch (error) {
      if (!(error instanceof TaskFailure)) throw error;
      if (signal.aborted) throw told === '' ? error : failure(told, error);
      why = error.message.replace(/\.$/, '');
    }
    const line = `the state of the update to ${version} is not known: ${why}`;
    if (line !== told) progress(90, line);
    told = line;
    await wait(deps.lookEvery ?? LOOK_EVERY, undefined, { signal }).catch((error: unknown) => {
      throw failure(line, error);
    });
  }

  function failure(line: string, cause: unknown): TaskFailure {
    return new TaskFailure(TaskErrorCode.TIMEOUT, line, cause);
  }
}

async function readStatus(deps: UpdateDeps, signal: AbortSignal): Promise<UpdateStatus> {
  const text = await qxUpdate(['status', '--json'], deps, signal, TOLD_WITHIN);
  try {
    return updateStatusSchema.parse(JSON.parse(text));
  } catch (cause) {
    const what = 'this agent cannot read the status that qx-update prints';
    throw new TaskFailure(TaskErrorCode.UNAVAILABLE, what, cause);
  }
}

/** Runs qx-update. @throws TaskFailure with the message of qx-update */
async function qxUpdate(
  args: readonly string[],
  { program = QX_UPDATE }: UpdateDeps,
  signal: AbortSignal,
  timeout = LONGEST,
): Promise<string> {
  try {
    return await run(program, args, { timeout, signal });
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const [words] = error.stderr.trim().split('\n').slice(-1);
    const isRefused = error.failure === 'exit' && words !== undefined && words !== '';
    if (!isRefused) throw new TaskFailure(TaskErrorCode.UNAVAILABLE, error.message, error);
    throw new TaskFailure(TaskErrorCode.CONFLICT, words.replace(/^qx-update: /, ''), error);
  }
}
