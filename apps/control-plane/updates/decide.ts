/** What a release is made for. */
export interface MadeFor {
  /** `x86_64` */
  readonly architecture: string;
  /** What its system is made from: `alpine`. Hosts of another one refuse it. */
  readonly base: string;
}

/** A roll-out as it is to be decided on. */
export interface Rollout extends MadeFor {
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
  /** What it told of itself last; `null` where it told nothing of it. */
  readonly architecture: string | null;
  readonly base: string | null;
}

/** Whether a release is for a host, and why it is not, or why that is not known. */
export type Fit =
  | { readonly is: 'FITTING' }
  | { readonly is: 'OTHER' | 'UNKNOWN'; readonly why: string };

/** Compares what a release is made for with what a host told of itself. */
export function fitOf(
  release: MadeFor,
  { architecture, base }: Pick<RolloutHost, 'architecture' | 'base'>,
): Fit {
  if (architecture !== null && architecture !== release.architecture) {
    return {
      is: 'OTHER',
      why: `it is ${architecture}, and the release is for ${release.architecture}`,
    };
  }
  if (base !== null && base !== release.base) {
    return { is: 'OTHER', why: `it is made from ${base}, and the release from ${release.base}` };
  }
  if (architecture !== null && base !== null) return { is: 'FITTING' };
  const what = architecture === null ? 'which CPU it has' : 'what it is made from';
  return { is: 'UNKNOWN', why: `it does not tell ${what}: it comes after those that do` };
}

/** What is to be done next. */
export interface Decision {
  /** Hosts that are left out now, as the release is not for them. */
  readonly leaveOut: readonly { readonly nodeId: string; readonly why: string }[];
  /** Hosts that are begun now. */
  readonly begin: readonly string[];
  readonly state: 'RUNNING' | 'PAUSED' | 'DONE';
  readonly reason: string;
}

/**
 * Decides how a roll-out goes on: hosts in their order, no more at once and in all than it may, none after the first that
 * failed. Hosts that are not heard of are passed over until they are. Those that the release is not for are left out; those
 * of which that is not known come last: they refuse by themselves what is not for them, which pauses the roll-out.
 */
export function decide(rollout: Rollout, hosts: readonly RolloutHost[]): Decision {
  const leaveOut = hosts.flatMap((host) => {
    const fit = fitOf(rollout, host);
    return host.state === 'WAITING' && fit.is === 'OTHER'
      ? [{ nodeId: host.nodeId, why: fit.why }]
      : [];
  });
  const out = new Set(leaveOut.map(({ nodeId }) => nodeId));
  const left = hosts.map((host) =>
    out.has(host.nodeId) ? { ...host, state: 'SKIPPED' as const } : host,
  );
  return { leaveOut, ...goOn(rollout, left) };
}

/** How it goes on with the hosts that are left. */
function goOn(rollout: Rollout, hosts: readonly RolloutHost[]): Omit<Decision, 'leaveOut'> {
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
  const isKnown = (host: RolloutHost) => fitOf(rollout, host).is === 'FITTING';
  const inTurn = [...waiting.filter(isKnown), ...waiting.filter((host) => !isKnown(host))];
  const begin = inTurn.filter(({ isHeard }) => isHeard).slice(0, room);
  return { begin: begin.map(({ nodeId }) => nodeId), state: 'RUNNING', reason: '' };
}
