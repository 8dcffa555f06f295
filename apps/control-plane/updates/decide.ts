/** Platform that a release is made for. */
export interface MadeFor {
  /** For example `x86_64`. */
  readonly architecture: string;
  /** Base of its system, for example `alpine`. Hosts with another base refuse it. */
  readonly base: string;
}

/** The facts about a roll-out for a decision. */
export interface Rollout extends MadeFor {
  readonly state: 'RUNNING' | 'PAUSED';
  readonly reason: string;
  /** Percentage of its hosts that may be updated. */
  readonly percentage: number;
  /** Maximum number of hosts that are updated at the same time. */
  readonly atOnce: number;
}

export interface RolloutHost {
  readonly nodeId: string;
  readonly hostname: string;
  readonly state: 'WAITING' | 'UNDER_WAY' | 'DONE' | 'FAILED' | 'SKIPPED';
  /** Why the host's update failed. */
  readonly message: string;
  /** Whether the host is heard, that is, not silent: only then can its update be started. */
  readonly isHeard: boolean;
  /** The host's last reported values; `null` if it did not report them. */
  readonly architecture: string | null;
  readonly base: string | null;
}

/** Whether a release fits a host; otherwise why not, or why that is unknown. */
export type Fit =
  | { readonly is: 'FITTING' }
  | { readonly is: 'OTHER' | 'UNKNOWN'; readonly why: string };

/** Compares the platform of a release with what a host reported. */
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

/** The next step of a roll-out. */
export interface Decision {
  /** Hosts to leave out now, because the release does not fit them. */
  readonly leaveOut: readonly { readonly nodeId: string; readonly why: string }[];
  /** Hosts whose update starts now. */
  readonly begin: readonly string[];
  readonly state: 'RUNNING' | 'PAUSED' | 'DONE';
  readonly reason: string;
}

/**
 * Decides the next step of a roll-out. Updates start in the order of the hosts: at most `atOnce` at the same time, and
 * at most `percentage` of the hosts in all; after the first failure, no further update starts. Silent hosts are skipped
 * until they are heard again. Hosts that the release does not fit are left out. Hosts for which this is unknown come
 * last: they refuse a wrong release themselves, which pauses the roll-out.
 */
export function decideNextStep(rollout: Rollout, hosts: readonly RolloutHost[]): Decision {
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

/** Says which host failed, and why. */
export function describeFailure({ hostname, message }: RolloutHost): string {
  return `${hostname} failed: ${message}`;
}

/** Decides the next step for the remaining hosts. */
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
    return { begin: [], state: 'PAUSED', reason: describeFailure(failed) };
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
