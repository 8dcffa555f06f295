import {
  changeAddressHere,
  describeAddressResult,
  formatNames,
} from '../../control-plane/operator/change-address.ts';
import { makeStaticCommand } from '../../network/change.ts';
import type { Deps } from '../deps.ts';

/** Seconds of the trial. With the time before and after it, it fits into the limit of a change. */
const TRIAL = 90;

/** Changes the control plane's address; see `Deps`. All hosts that were connected must return. */
export const changeAddress: Deps['changeAddress'] = async (wanted, signal) => {
  const { isUrgent, ...given } = wanted;
  const change = {
    ...{ interface: given.interface, address: given.address, trial: TRIAL, percent: 100 },
    command: makeStaticCommand(given, { keep: 'persistent', confirm: TRIAL }),
  };
  let unaware: readonly string[] = [];
  const result = await changeAddressHere(change, {
    signal,
    tell: () => undefined,
    agree: async (hosts) => {
      unaware = hosts;
      return isUrgent;
    },
  });
  const without =
    unaware.length === 0 ? [] : [`These hosts have not confirmed it: ${formatNames(unaware)}.`];
  return [...without, ...describeAddressResult(change, result)];
};
