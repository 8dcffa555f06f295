import type { ControlPlaneParts, ControlPlaneState } from '../server/parts.ts';
import type { Control, ControlOptions } from './control.ts';

/** The client of the control plane, loaded when there is something to say to one. */
export interface LateControl extends ControlPlaneParts {
  changed: () => void;
  addressChanged: () => void;
  /** Resolves after the signal is aborted; rejects on a bug. */
  ended: Promise<void>;
}

/**
 * The client of the control plane. A node that belongs to none does without the libraries for talking to one until it
 * joins.
 */
export function lateControl(options: ControlOptions): LateControl {
  const { signal, config } = options;
  const failed = Promise.withResolvers<never>();
  let control: Promise<Control> | undefined;
  let status = (): ControlPlaneState => ({
    state: 'unconfigured',
    address: config.controlPlane ?? null,
    problem: null,
  });
  const started = async (): Promise<Control> => {
    const { startControl } = await import('./control.ts');
    const one = startControl(options);
    status = () => one.status();
    one.finished.catch(failed.reject);
    return one;
  };
  const start = () => {
    control ??= started();
    return control;
  };
  const tell = (what: 'changed' | 'addressChanged') => () => {
    control?.then((one) => one[what]()).catch(failed.reject);
  };
  if (config.controlPlane !== undefined) start().catch(failed.reject);
  return {
    state: () => status(),
    join: async ({ address, token }) => {
      await (await start()).join({ controlPlane: address, token });
    },
    changed: tell('changed'),
    addressChanged: tell('addressChanged'),
    ended: Promise.race([failed.promise, over(signal, async () => (await control)?.finished)]),
  };
}

/** Waits for the signal, then for what ends by it. */
async function over(signal: AbortSignal, rest: () => Promise<void>): Promise<void> {
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
  await rest();
}
