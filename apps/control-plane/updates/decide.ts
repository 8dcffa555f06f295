/** A roll-out as it is to be decided on. */
export interface Rollout {
  readonly state: 'RUNNING' | 'PAUSED';
  readonly reason: string;
  /** How many of its hosts may have it, of a hundred. */
  readonly percentage: number;
  /** Hosts that are updated at the same time, at most. */
  readonly atOnce: number;
}

export interface RolloutHost {
  readonly nodeId: string;
  readonly hostname: string;
  readonly state: 'WAITING' | 'UNDER_WAY' | 'DONE' | 'FAILED' | 'SKIPPED';
  /** Why it failed. */
  readonly message: string;
  /** Whether it is heard of, and can be begun. */
  readonly isHeard: boolean;
}

/** What is to be done next. */
export interface Decision {
  /** Hosts that are begun now. */
  readonly begin: readonly string[];
  readonly state: 'RUNNING' | 'PAUSED' | 'DONE';
  readonly reason: string;
}

/**
 * Decides how a roll-out goes on: hosts in their order, no more at once and in all than it may, none after the first that
 * failed. Hosts that are not heard of are passed over until they are.
 */
export function decide(rollout: Rollout, hosts: readonly RolloutHost[]): Decision {
  const of = (...states: RolloutHost['state'][]) =>
    hosts.filter(({ state }) => states.includes(state));
  const [failed] = of('FAILED');
  const waiting = of('WAITING');
  const underWay = of('UNDER_WAY').length;
  if (failed === undefined && waiting.length === 0 && underWay === 0) {
    return { begin: [], state: 'DONE', reason: '' };
  }
  if (rollout.state === 'PAUSED') return { begin: [], state: 'PAUSED', reason: rollout.reason };
  if (failed !== undefined) {
    const reason = `${failed.hostname} failed: ${failed.message}`;
    return { begin: [], state: 'PAUSED', reason };
  }
  const taking = hosts.length - of('SKIPPED').length;
  const begun = taking - waiting.length;
  const may = Math.ceil((taking * rollout.percentage) / 100) - begun;
  if (may <= 0 && underWay === 0 && waiting.length > 0) {
    const reason = `${begun} of ${taking} hosts have it, and no more may: ${rollout.percentage} %`;
    return { begin: [], state: 'PAUSED', reason };
  }
  const room = Math.max(Math.min(rollout.atOnce - underWay, may), 0);
  const begin = waiting.filter(({ isHeard }) => isHeard).slice(0, room);
  return { begin: begin.map(({ nodeId }) => nodeId), state: 'RUNNING', reason: '' };
}
