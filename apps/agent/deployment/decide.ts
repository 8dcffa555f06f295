import type { Agent } from '../../api/agent.ts';
import type { Health } from '../../api/health.ts';
import type { Deployed, DeploymentRecord, Trial } from './record.ts';

/** A moment of a boot, independent of changes of the clock. */
export interface Moment {
  /** Boot ID. */
  boot: string;
  /** Seconds since the boot. */
  uptime: number;
  /** Time for people, as ISO 8601. */
  now: string;
}

/** Largest number of starts of an agent on trial. */
export const TRIES = 3;

/**
 * Share of the time limit of a trial that the agent must have run before it is confirmed, so that an agent that fails
 * soon after its start is not confirmed.
 */
const STEADY = 1 / 8;

/** A confirmed agent that ends `ENDS` times within `ENDS_WITHIN` seconds is taken back. */
const ENDS = 5;
const ENDS_WITHIN = 300;

/** Returns the record with an agent on trial, which runs from the next start. */
export function beginTrial(
  record: DeploymentRecord,
  agent: Deployed,
  { within, before, moment }: Pick<Trial, 'within' | 'before'> & { moment: Moment },
): DeploymentRecord {
  return {
    ...record,
    active: agent,
    // The running agent has been confirmed.
    previous: record.active,
    trial: { left: TRIES, within, boot: moment.boot, start: moment.uptime, before },
    takenBack: null,
  };
}

/** Returns the record with the previous agent as the active one, and the active agent recorded as taken back. */
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

/** Returns the record with the agent on trial confirmed. */
export function confirm(record: DeploymentRecord): DeploymentRecord {
  const floor = Math.max(record.floor, record.active?.floor ?? 0);
  return { ...record, trial: null, floor };
}

/** Returns the record with the previous agent, or the image's own, as the active one. */
export function undo(record: DeploymentRecord): DeploymentRecord {
  return { ...record, active: record.previous, previous: null, trial: null, takenBack: null };
}

/**
 * Counts a start of an agent by the service; this may end a trial. Only starts of an agent on trial are counted in the
 * record.
 * @param starts earlier starts of the active agent in this boot, in seconds since the boot; starts in earlier boots are
 *   not counted, so that a confirmed agent is not taken back because of power failures
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

/** Answers of an agent, or the reason why there are none. */
export type Answers = { agent: Agent; health: Health } | { silent: string };

/**
 * Confirms an agent on trial if its answers show that it is ready; takes it back if its time is over.
 * @returns the new record, and why the agent is not ready yet; `undefined` if it is confirmed
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

/**
 * Returns why an agent is not ready: it must not have more problems than the previous agent, and must be connected to
 * the control plane if the previous agent was.
 */
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
    return `it has run for ${Math.floor(agent.runningFor)} s so far`;
  return undefined;
}
