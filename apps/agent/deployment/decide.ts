import type { Agent } from '../../api/agent.ts';
import type { Health } from '../../api/health.ts';
import type { Deployed, DeploymentRecord, Trial } from './record.ts';

/** A moment of a boot: no clock that is set moves it. */
export interface Moment {
  /** Of which boot. */
  boot: string;
  /** Seconds since it. */
  uptime: number;
  /** For people, ISO 8601. */
  now: string;
}

/** Starts that an agent on trial has. */
export const TRIES = 3;

/** An agent on trial is confirmed when it is ready and has run for this share of its time: not one that is about to end. */
const STEADY = 1 / 8;

/** A confirmed agent that ends so often within so many seconds is taken back. */
const ENDS = 5;
const ENDS_WITHIN = 300;

/** The record once an agent is on trial: with the next start it runs. */
export function beginTrial(
  record: DeploymentRecord,
  agent: Deployed,
  { within, before, moment }: Pick<Trial, 'within' | 'before'> & { moment: Moment },
): DeploymentRecord {
  return {
    ...record,
    active: agent,
    // Whoever runs now was confirmed.
    previous: record.active,
    trial: { left: TRIES, within, boot: moment.boot, start: moment.uptime, before },
    takenBack: null,
  };
}

/** The record once the active agent is to run no more. */
export function takeBack(
  record: DeploymentRecord,
  reason: string,
  { now }: Pick<Moment, 'now'>,
): DeploymentRecord {
  const { active, previous } = record;
  if (active === null) return record;
  const takenBack = { ...active, at: now, reason: reason.slice(0, 1000) };
  return { ...record, active: previous, previous: null, trial: null, takenBack };
}

/** The record once the agent on trial has shown itself. */
export function confirm(record: DeploymentRecord): DeploymentRecord {
  const floor = Math.max(record.floor, record.active?.floor ?? 0);
  return { ...record, trial: null, floor };
}

/** The record once the agent before the active one, or the image's, is wanted again. */
export function undo(record: DeploymentRecord): DeploymentRecord {
  return { ...record, active: record.previous, previous: null, trial: null, takenBack: null };
}

/**
 * The record as the service starts an agent: a trial is counted and may be over. Only that is counted in the record;
 * `starts` are those of the active agent in this boot, so that no cut of the power takes a confirmed one back.
 */
export function countStart(
  record: DeploymentRecord,
  starts: readonly number[],
  moment: Moment,
): DeploymentRecord {
  const { active, trial } = record;
  if (active === null) return record;
  if (trial === null) {
    const late = starts.filter((start) => moment.uptime - start < ENDS_WITHIN);
    if (late.length < ENDS) return record;
    return takeBack(record, `it ended ${ENDS} times within ${ENDS_WITHIN / 60} minutes`, moment);
  }
  if (trial.left === 0) {
    return takeBack(record, `it was started ${TRIES} times and did not become ready`, moment);
  }
  const here = trial.boot === moment.boot ? trial : startedIn(trial, moment);
  if (isOver(here, moment)) return takeBack(record, tooLate(here), moment);
  return { ...record, trial: { ...here, left: here.left - 1 } };
}

function startedIn(trial: Trial, { boot, uptime }: Moment): Trial {
  return { ...trial, boot, start: uptime };
}

function isOver({ boot, start, within }: Trial, moment: Moment): boolean {
  return boot === moment.boot && moment.uptime - start > within;
}

function tooLate({ within }: Trial, why?: string): string {
  return `it was not ready within ${within} s${why === undefined ? '' : `: ${why}`}`;
}

/** What an agent told; a reason where it did not answer. */
export type Answers = { agent: Agent; health: Health } | { silent: string };

/**
 * Judges an agent on trial by what whoever answers on the socket says.
 * @returns the record after that, and why it is not ready yet; `undefined` if it is confirmed
 */
export function judgeTrial(
  record: DeploymentRecord,
  answers: Answers,
  moment: Moment,
): { record: DeploymentRecord; waits: string | undefined } {
  const { active, trial } = record;
  if (active === null || trial === null) return { record, waits: undefined };
  const waits = whyNotReady(active, trial, answers);
  if (waits === undefined) return { record: confirm(record), waits };
  const over = isOver(trial, moment);
  return { record: over ? takeBack(record, tooLate(trial, waits), moment) : record, waits };
}

/** It must be well where the one before it was, and reach a control plane that was reached before. */
function whyNotReady(active: Deployed, trial: Trial, answers: Answers): string | undefined {
  if ('silent' in answers) return answers.silent;
  const { agent, health } = answers;
  if (agent.id !== active.id) return `another agent answers, qx-node ${agent.version}`;
  if (trial.before?.connected && health.controlPlane.state !== 'connected') {
    const { state, problem } = health.controlPlane;
    return `it does not reach the control plane, which was reached before: ${problem ?? state}`;
  }
  const { problems } = health;
  if (trial.before !== null && problems.length > trial.before.problems) return problems.join('; ');
  if (agent.runningFor < trial.within * STEADY)
    return `it has run for ${Math.floor(agent.runningFor)} s only`;
  return undefined;
}
