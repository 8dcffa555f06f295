import { readFile, rm, writeFile } from 'node:fs/promises';
import { uptime } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import * as z from 'zod';
import { agentSchema } from '../../api/agent.ts';
import { healthSchema } from '../../api/health.ts';
import { ExplainedError } from '../../error.ts';
import { readIfThere } from '../../files/durable-file.ts';
import { readText } from '../../host/read.ts';
import { AnswerError } from '../../http/ask.ts';
import { getErrorCode } from '../../process/code-of.ts';
import { askAgent } from '../client/ask-agent.ts';
import type { Answers, Moment } from './decide.ts';
import { type DeploymentPlaces, RUN_FILES } from './places.ts';

/** Returns the current moment. */
export async function readMoment({ root }: Pick<DeploymentPlaces, 'root'>): Promise<Moment> {
  const boot = await readText(join(root, 'proc/sys/kernel/random/boot_id'));
  return { boot: boot.trim(), uptime: uptime(), now: new Date().toISOString() };
}

/** Milliseconds that an agent has to answer. */
const PATIENCE = 15_000;

/** Asks the running agent for its identity and health. */
export async function askRunning({
  socket: socketPath,
}: Pick<DeploymentPlaces, 'socket'>): Promise<Answers> {
  const common = { socketPath, timeLimit: PATIENCE };
  try {
    const agent = await askAgent({ ...common, path: '/v1/agent', schema: agentSchema });
    const health = await askAgent({ ...common, path: '/healthz', schema: healthSchema });
    return { agent, health };
  } catch (error) {
    if (error instanceof AnswerError) return { silent: error.message };
    throw error;
  }
}

/** Returns the process ID of the agent's supervisor; `undefined` if the service does not run. */
export async function readSupervisor({
  supervisor,
}: Pick<DeploymentPlaces, 'supervisor'>): Promise<number | undefined> {
  const pid = parsePid(await readIfThere(supervisor));
  return pid !== undefined && isAlive(pid) ? pid : undefined;
}

/** Checks that the service runs. @throws ExplainedError if not, because nothing would restart an agent */
export async function expectSupervisor(places: DeploymentPlaces): Promise<void> {
  if ((await readSupervisor(places)) !== undefined) return;
  throw new ExplainedError({
    what: 'the service qx-node does not run, so no agent would be started',
    fix: 'rc-service qx-node start',
  });
}

/** The process that the service runs as the agent. */
export interface Running {
  pid: number;
  /** Id of the deployed agent; `null` for the image's own. */
  id: string | null;
}

/**
 * Returns the running agent, which the service's launcher recorded before it executed the agent; `undefined` if none
 * runs. A later process with the same process ID is not mistaken for the agent, because the parent must be the
 * supervisor.
 */
export async function readRunning(places: DeploymentPlaces): Promise<Running | undefined> {
  const text = await readIfThere(join(places.run, RUN_FILES.pid));
  const [, number, id] = /^([1-9]\d{0,9}) (image|[0-9a-f]{64})\n$/.exec(text ?? '') ?? [];
  if (number === undefined || id === undefined) return undefined;
  const supervisor = await readSupervisor(places);
  const pid = Number(number);
  if (supervisor === undefined || (await readParent(pid)) !== supervisor) return undefined;
  return { pid, id: id === 'image' ? null : id };
}

/** Milliseconds that an agent has to end after SIGTERM. */
const ENDING = 10_000;

/** Ends an agent, so that its supervisor starts the chosen agent; returns when the process has ended. */
export async function endAgent(pid: number): Promise<void> {
  const parent = await readParent(pid);
  send(pid, 'SIGTERM');
  const killed = performance.now() + ENDING;
  for (let forced = false; parent !== undefined && (await readParent(pid)) === parent; ) {
    if (!forced && performance.now() > killed) forced = send(pid, 'SIGKILL');
    await wait(100);
  }
}

function parsePid(text: string | undefined): number | undefined {
  return text !== undefined && /^[1-9]\d{0,9}\s*$/.test(text) ? Number(text) : undefined;
}

function isAlive(pid: number): boolean {
  return send(pid, 0);
}

function send(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if (getErrorCode(error) === 'ESRCH') return false;
    throw error;
  }
}

/**
 * Returns the ID of the parent of a running process: the second field of `/proc/PID/stat` after the name in parentheses
 * (proc(5)).
 */
async function readParent(pid: number): Promise<number | undefined> {
  const status = await readText(`/proc/${pid}/stat`);
  const [, state, parent] = /^.*\) (\S) (\d+) /s.exec(status) ?? [];
  return parent === undefined || state === 'Z' ? undefined : Number(parent);
}

const startsSchema = z.object({ id: z.string(), starts: z.array(z.number()) });

/** Reads the start times of a deployed agent in this boot, in seconds since the boot. */
export async function readStarts(places: DeploymentPlaces, id: string): Promise<number[]> {
  const text = await readFile(join(places.run, RUN_FILES.starts), 'utf8').catch(() => '{}');
  try {
    const parsed = startsSchema.safeParse(JSON.parse(text)).data;
    return parsed?.id === id ? parsed.starts : [];
  } catch {
    return [];
  }
}

/** Writes the last ten start times of a deployed agent. */
export async function writeStarts(
  places: DeploymentPlaces,
  id: string,
  starts: readonly number[],
): Promise<void> {
  const text = JSON.stringify({ id, starts: starts.slice(-10) });
  await writeFile(join(places.run, RUN_FILES.starts), text, { mode: 0o600 });
}

/** Makes the service check from now on whether the chosen agent runs and is ready. */
export async function markUnsettled({ run }: Pick<DeploymentPlaces, 'run'>): Promise<void> {
  await writeFile(join(run, RUN_FILES.unsettled), '', { mode: 0o600 });
}

/** Ends the checks of `markUnsettled`, because the chosen agent runs and is confirmed. */
export async function markSettled({ run }: Pick<DeploymentPlaces, 'run'>): Promise<void> {
  await rm(join(run, RUN_FILES.unsettled), { force: true });
}
