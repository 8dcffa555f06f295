import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { readTrustedKeys } from '../../../build/release/keys.ts';
import type { ProgramRelease } from '../../../build/release/program.ts';
import { ExplainedError, messageOf } from '../../error.ts';
import { lockFile } from '../../files/file-lock.ts';
import { readSpace } from '../../host/file-system-space.ts';
import { type Image, readImage } from '../../host/image.ts';
import { run } from '../../process/run.ts';
import { formatBytes } from '../../text/amount.ts';
import { lockRecord } from './choose.ts';
import { beginTrial, undo } from './decide.ts';
import { readLoss } from './loss.ts';
import { type DeploymentPlaces, RUN_FILES } from './places.ts';
import { moveIntoPlace, openAgentFile, PROGRAM, sweep, sweepUnfinished } from './programs.ts';
import {
  type Deployed,
  type DeploymentRecord,
  makeEmptyRecord,
  takeRecord,
  writeRecord,
} from './record.ts';
import { askRunning, expectSupervisor, markUnsettled, readMoment } from './running.ts';
import { type Settled, settle } from './settle.ts';

/** Options of a deployment. */
export interface DeployOptions {
  /** Seconds that the agent has to become ready. */
  within: number;
  /** Receives a line for the operator. */
  say: (line: string) => void;
  /** Ends the waiting; the deployment itself continues. */
  signal: AbortSignal;
}

/** Bytes that must stay free where an agent is stored. */
const RESERVE = 64 * 1024 ** 2;

/** Milliseconds that an agent may take to print its version, on a slow host. */
const TRYING = 60_000;

/**
 * Deploys an agent to this host: verifies it, stores it beside the running one, makes the service start it, and waits
 * until it is confirmed. If the agent does not become ready, this process takes it back, or the service does if this
 * process was killed.
 * @returns the running agent, in one line
 * @throws ExplainedError saying why it does not run
 */
export async function deployAgent(
  file: string,
  places: DeploymentPlaces,
  options: DeployOptions,
): Promise<string> {
  const { say, within } = options;
  await using _lock = await lockDeployments(places);
  const image = await readImage(places.root);
  if (image.build === null) throw new ExplainedError({ what: 'this is not a Quantix appliance' });
  await expectSupervisor(places);
  const record = await expectNoTrial(places);
  await using opened = await openAgentFile(file, await readTrustedKeys(places.keys));
  const { program, key, id } = opened;
  expectFits(program, image, { file, now: new Date() });
  const { version, serial, floor } = program;
  const agent = { id, version, serial, floor, since: new Date().toISOString() };
  if (record !== undefined) expectNew(record, agent);
  await sweepUnfinished(places.programs);
  await expectRoom(places.programs, program.bytes);
  say(`${program.program} ${program.version}, serial ${program.serial}, signed by ${key.name}`);
  await using _unfinished = { [Symbol.asyncDispose]: () => sweepUnfinished(places.programs) };
  const folder = await opened.write(places.programs);
  await checkRuns(join(folder, PROGRAM), program);
  const answers = await askRunning(places);
  const before =
    'silent' in answers
      ? null
      : {
          connected: answers.health.controlPlane.state === 'connected',
          problems: answers.health.problems.length,
        };
  await change(places, image.build, async (record) => {
    expectNew(record, agent);
    await moveIntoPlace(folder, places.programs, id);
    const moment = await readMoment(places);
    return beginTrial(record, agent, { within, before, moment });
  });
  const lost = await readLoss(places);
  if (lost !== null) say(`it is lost at the next restart: ${lost}`);
  await untilConfirmed(places, id, options);
  return `qx-node ${version} runs, in place of the image's agent`;
}

/**
 * Goes back to the agent that ran before the last deployment, or to the image's own.
 * @returns the running agent, in one line
 * @throws ExplainedError
 */
export async function undoDeployment(
  places: DeploymentPlaces,
  options: DeployOptions,
): Promise<string> {
  await using _lock = await lockDeployments(places);
  const image = await readImage(places.root);
  if (image.build === null) throw new ExplainedError({ what: 'this is not a Quantix appliance' });
  const record = await change(places, image.build, async (before) => undo(before));
  await untilSettled(places, options);
  await using _ = await lockRecord(places);
  await sweep(places.programs, record.active === null ? [] : [record.active.id]);
  return record.active === null
    ? `the image's agent runs, qx-node ${image.version}`
    : `the agent runs that was deployed before, qx-node ${record.active.version}`;
}

async function lockDeployments({ run }: DeploymentPlaces): Promise<AsyncDisposable> {
  await mkdir(run, { recursive: true });
  const holder = 'another deployment';
  return await lockFile(join(run, RUN_FILES.deployment), { seconds: 0, holder });
}

/** Replaces the record by the result of a function. */
async function change(
  places: DeploymentPlaces,
  build: string,
  make: (record: DeploymentRecord) => Promise<DeploymentRecord>,
): Promise<DeploymentRecord> {
  await using _ = await lockRecord(places);
  const found = await takeRecord(places.record);
  const record = found?.image === build ? found : makeEmptyRecord(build, found?.floor);
  const made = await make(record);
  await markUnsettled(places);
  await writeRecord(places.record, made);
  return made;
}

/** Checks that no agent is on trial. @returns the record @throws ExplainedError if one is */
async function expectNoTrial(places: DeploymentPlaces): Promise<DeploymentRecord | undefined> {
  const { record } = await settle(places);
  if (record === undefined || record.trial === null || record.active === null) return record;
  throw new ExplainedError({
    what: `the agent ${record.active.version} is still on trial`,
    fix: 'Wait until `qx-node version` says how that ended, or end it with `qx-node deploy --undo`.',
  });
}

/** Checks that an agent is for this image and is valid now. @throws ExplainedError if not */
function expectFits(
  program: ProgramRelease,
  image: Image,
  { file: where, now }: { file: string; now: Date },
): void {
  const wanted = {
    product: image.product,
    program: PROGRAM,
    architecture: image.architecture,
    base: image.base,
  };
  for (const [name, value] of Object.entries(wanted)) {
    const has = program[name as keyof typeof wanted];
    if (has !== value) {
      throw new ExplainedError({
        what: `its ${name} is ${has}, and ${value} is needed here`,
        where,
      });
    }
  }
  if (now.getTime() >= Date.parse(program.expires)) {
    throw new ExplainedError({
      what: `it expired on ${program.expires}`,
      where,
      fix: 'Have it built again, or set the clock: qx-time.',
    });
  }
  // If the clock is far behind, the expiry of the agent cannot be checked.
  if (now.getTime() < Date.parse(program.issued) - CLOCKS_DIFFER) {
    throw new ExplainedError({
      what: `it was issued on ${program.issued}, and here it is ${now.toISOString()}`,
      where,
      fix: 'Set the clock: qx-time.',
    });
  }
}

/** Milliseconds by which a host's clock may be behind. */
const CLOCKS_DIFFER = 24 * 3600 * 1000;

/** Checks that an agent is new. @throws ExplainedError if it is deployed already, or older than the floor allows */
function expectNew({ active, previous, floor }: DeploymentRecord, agent: Deployed): void {
  if (active?.id === agent.id || previous?.id === agent.id) {
    throw new ExplainedError({
      what: `the agent ${agent.version} with serial ${agent.serial} is deployed already`,
      fix: active?.id === agent.id ? undefined : '`qx-node deploy --undo` goes back to it.',
    });
  }
  if (agent.serial < floor) {
    throw new ExplainedError({
      what: `its serial is ${agent.serial}, and none below ${floor} may run here any more`,
      fix: 'Deploy a newer one.',
    });
  }
}

/** Checks that there is enough space for an agent. @throws ExplainedError if not */
async function expectRoom(programs: string, size: number): Promise<void> {
  await mkdir(programs, { recursive: true, mode: 0o700 });
  const { available } = await readSpace(programs, { timeout: 10_000 });
  if (available >= size + RESERVE) return;
  throw new ExplainedError({
    what: `it has ${formatBytes(size)}; ${formatBytes(available)} are free, and ${formatBytes(RESERVE)} must stay free`,
    where: programs,
    fix: 'Make room there.',
  });
}

/** Runs an agent with --version: an agent that lacks a library of this image is refused before it replaces another. */
async function checkRuns(file: string, { version }: ProgramRelease): Promise<void> {
  let said: string;
  try {
    said = await run(file, ['--version'], { timeout: TRYING, maxOutput: 10_000 });
  } catch (error) {
    throw new ExplainedError({
      what: `it does not run on this image: ${messageOf(error)}`,
      cause: error,
    });
  }
  if (said === version) return;
  const shown = JSON.stringify(said.slice(0, 100));
  throw new ExplainedError({ what: `it says that its version is ${shown} instead of ${version}` });
}

/** Milliseconds between two checks. */
const POLL = 1000;

/** Waits until the agent is confirmed. @throws ExplainedError if it was taken back */
async function untilConfirmed(
  places: DeploymentPlaces,
  id: string,
  options: DeployOptions,
): Promise<void> {
  const { record } = await untilSettled(places, options);
  if (record?.active?.id === id) return;
  const reason =
    record?.takenBack?.id === id ? record.takenBack.reason : 'another deployment replaced it';
  throw new ExplainedError({
    what: `the agent was taken back, and the one before it runs: ${reason}`,
    fix: 'Its log is /var/log/quantix/node.log.',
  });
}

/** Waits until the chosen agent runs. @throws ExplainedError if the waiting is aborted */
async function untilSettled(
  places: DeploymentPlaces,
  { say, signal }: DeployOptions,
): Promise<Settled> {
  for (let reported = ''; ; ) {
    const settled = await settle(places);
    const { waits } = settled;
    if (waits === undefined) return settled;
    if (waits !== reported) say(waits);
    reported = waits;
    if (signal.aborted) {
      throw new ExplainedError({
        what: 'the deployment goes on, but this command no longer waits for it',
        fix: '`qx-node version` says how it ends.',
      });
    }
    await wait(POLL, undefined, { signal }).catch(() => undefined);
  }
}
