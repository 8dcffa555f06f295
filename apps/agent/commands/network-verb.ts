import { setTimeout as wait } from 'node:timers/promises';
import * as z from 'zod';
import type { Interface } from '../../api/network.ts';
import {
  applyCommand,
  changeNetwork,
  confirmCommand,
  makeConfigureCommand,
} from '../../network/change.ts';
import { NetworkError, type QxNetworkOptions } from '../../network/qx-network.ts';
import { readNetwork } from '../../network/status.ts';
import { CommandError } from '../../process/command-error.ts';
import { TaskErrorCode } from '../../proto/gen/quantix/v1/task_pb.js';
import type { Executor, TaskRun } from './commander.ts';
import { TaskFailure } from './failure.ts';
import { check } from './vm-spec.ts';

/** Dependencies of network configuration. */
export interface NetworkDeps {
  /** Resolves once the control plane has answered a message sent after this call, on a new connection. */
  readonly reached: (signal: AbortSignal) => Promise<void>;
  /** Path of qx-network; the appliance's if absent. */
  readonly program?: string;
}

/** Seconds before an unconfirmed change is undone, if the control plane does not specify a time. */
const USUAL_TRIAL = 60;
/** Milliseconds that undoing a change may take, and milliseconds between two checks. */
const UNDOING = 60_000;
const GLANCE = 2000;

const settingSchema = z
  .string()
  .max(1024)
  .regex(/^[A-Z][A-Z0-9_]*=[^\p{C}]*$/u, 'must be a line KEY=value');

const requestSchema = z.object({
  interface: z
    .string()
    .regex(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,14}$/, 'must be the name of an interface'),
  settings: z.array(settingSchema).max(32),
  confirmWithinSeconds: z
    .number()
    .int()
    .max(600)
    .refine((seconds) => seconds === 0 || seconds >= 10, 'must be 10 to 600'),
});

/**
 * Configures interfaces, with confirmation: a change is kept only if the host reaches its control plane afterwards.
 * Otherwise qx-network undoes it by itself, even if the agent, the task or the connection has ended.
 */
export function makeNetworkVerb(deps: NetworkDeps): Executor {
  return {
    // One change at a time: a second one would alter the state that undoing the first has to restore.
    objectOf: () => 'network',
    carryOut: async (taskRun) => {
      const request = check(requestSchema, taskRun.task.verb.value, 'configure_network');
      if (taskRun.again) throw await interrupted(request.interface, deps, taskRun.signal);
      await configure(request, deps, taskRun);
      return {};
    },
  };
}

async function configure(
  { interface: name, settings, confirmWithinSeconds }: z.infer<typeof requestSchema>,
  deps: NetworkDeps,
  { signal, progress }: TaskRun,
): Promise<void> {
  const seconds = confirmWithinSeconds === 0 ? USUAL_TRIAL : confirmWithinSeconds;
  // This timer starts before the timer of qx-network, and therefore expires before it.
  const over = AbortSignal.timeout(seconds * 1000);
  const options = qxOptions(deps, signal);
  progress(10, `configures ${name}`);
  const { warnings } = await changeNetwork(
    makeConfigureCommand(name, settings, seconds),
    options,
  ).catch((error: unknown) => {
    throw error instanceof NetworkError ? refusal(error) : error;
  });
  progress(50, [`asks the control plane by way of ${name}`, ...warnings].join('; '));
  try {
    await deps.reached(AbortSignal.any([signal, over]));
  } catch (error) {
    if (signal.aborted || !over.aborted) throw error;
    progress(75, `undoes the change of ${name}`);
    throw await unreached(name, seconds, deps, signal);
  }
  await changeNetwork(confirmCommand(name), options).catch((error: unknown) => {
    if (!(error instanceof NetworkError)) throw error;
    throw new TaskFailure(TaskErrorCode.CONFLICT, `not confirmed: ${error.message}`, error);
  });
}

/** Turns an error of qx-network into a TaskFailure; mistakes in the settings have the form `settings:LINE: …`. */
function refusal(error: NetworkError): TaskFailure {
  const isMistake = /^settings\b/.test(error.message);
  const code = isMistake ? TaskErrorCode.INVALID : TaskErrorCode.CONFLICT;
  return new TaskFailure(code, error.message, error);
}

/** Waits until qx-network has undone the change. @returns the failure, with a message that names the present state */
async function unreached(
  name: string,
  seconds: number,
  deps: NetworkDeps,
  signal: AbortSignal,
): Promise<TaskFailure> {
  const what = `the control plane was not reached within ${seconds} s over the new configuration of ${name}`;
  const until = performance.now() + UNDOING;
  while (await isOnTrial(name, deps, signal)) {
    if (performance.now() > until) {
      return new TaskFailure(TaskErrorCode.TIMEOUT, `${what}; it is not undone yet`);
    }
    await wait(GLANCE, undefined, { signal });
  }
  // `confirm` becomes null before the old configuration is restored. Applying the unchanged settings waits until it is
  // restored.
  await changeNetwork(applyCommand(name), qxOptions(deps, signal)).catch((error: unknown) => {
    if (!(error instanceof NetworkError)) throw error;
  });
  const outcome = describe(name, await look(name, deps, signal));
  return new TaskFailure(TaskErrorCode.TIMEOUT, `${what}; it is undone: ${outcome}`);
}

async function interrupted(
  name: string,
  deps: NetworkDeps,
  signal: AbortSignal,
): Promise<TaskFailure> {
  const now = await look(name, deps, signal);
  const trial =
    now === undefined || now.confirm === null
      ? ''
      : `, and is on trial: that is undone in ${now.confirm} s`;
  const what = `the agent ended while it configured ${name}; ${describe(name, now)}${trial}`;
  return new TaskFailure(TaskErrorCode.INTERRUPTED, what);
}

/** Returns whether an interface is on trial, or may be: its state may not be readable while the change is undone. */
async function isOnTrial(name: string, deps: NetworkDeps, signal: AbortSignal): Promise<boolean> {
  try {
    return ((await look(name, deps, signal))?.confirm ?? null) !== null;
  } catch (error) {
    if (signal.aborted || !(error instanceof NetworkError || error instanceof CommandError)) {
      throw error;
    }
    return true;
  }
}

async function look(
  name: string,
  deps: NetworkDeps,
  signal: AbortSignal,
): Promise<Interface | undefined> {
  const { interfaces } = await readNetwork(qxOptions(deps, signal));
  return interfaces.find((one) => one.name === name);
}

function describe(name: string, now: Interface | undefined): string {
  if (now === undefined) return `there is no ${name}`;
  const all = [...now.addresses, ...now.ipv6.addresses.filter(({ origin }) => origin !== 'link')];
  const addresses = all.map(({ address, prefix }) => `${address}/${prefix}`).join(', ');
  return `${name} has ${addresses || 'no address'} (${now.method ?? 'not configured'})`;
}

function qxOptions({ program }: NetworkDeps, signal: AbortSignal): QxNetworkOptions {
  return { signal, ...(program === undefined ? {} : { program }) };
}
