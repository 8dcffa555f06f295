import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { MEMBERSHIP } from './identity/record.ts';
import type { Membership } from './membership.ts';
import type { JoinRequest, MembershipOptions, MembershipStatus } from './options.ts';

/** The membership of a node, whose libraries are loaded only when they are needed. */
export interface LazyMembership {
  status: () => MembershipStatus;
  /** @throws AgentError for the operator */
  join: (request: JoinRequest) => Promise<void>;
  /** @throws AgentError for the operator */
  leave: (force: boolean) => Promise<void>;
  changed: () => void;
  addressChanged: () => void;
  /** See `Session.reached`; for tasks of the control plane. @throws AgentError if there is no connection */
  reached: (signal: AbortSignal) => Promise<void>;
  /** Resolves after the signal is aborted; rejects on a bug. */
  ended: Promise<void>;
}

/**
 * Makes the membership of a node. The libraries for the connection are loaded at once if a control plane is configured or
 * joined, otherwise only by a call of `join`, `leave` or `reached`.
 */
export function makeLazyMembership(options: MembershipOptions): LazyMembership {
  const { signal, config, folder } = options;
  const failed = Promise.withResolvers<never>();
  let membership: Promise<Membership> | undefined;
  let status = (): MembershipStatus => ({
    state: 'unconfigured',
    address: config.controlPlane ?? null,
    problem: null,
  });
  const started = async (): Promise<Membership> => {
    const { startMembership } = await import('./membership.ts');
    const one = startMembership(options);
    status = () => one.status;
    one.finished.catch(failed.reject);
    return one;
  };
  const start = () => {
    membership ??= started();
    return membership;
  };
  const notify = (what: 'changed' | 'addressChanged') => () => {
    membership?.then((one) => one[what]()).catch(failed.reject);
  };
  if (config.controlPlane !== undefined || existsSync(join(folder, MEMBERSHIP)))
    start().catch(failed.reject);
  return {
    status: () => status(),
    join: async (request) => {
      await (await start()).join(request);
    },
    leave: async (force) => {
      await (await start()).leave(force);
    },
    changed: notify('changed'),
    addressChanged: notify('addressChanged'),
    reached: async (within) => {
      await (await start()).reached(within);
    },
    ended: Promise.race([failed.promise, over(signal, async () => (await membership)?.finished)]),
  };
}

/** Waits for the signal, then for `rest`. */
async function over(signal: AbortSignal, rest: () => Promise<void>): Promise<void> {
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
  await rest();
}
