import {
  changeAddressHere,
  describeAddressResult,
  formatNames,
} from '../../control-plane/operator/change-address.ts';
import { makeStaticCommand } from '../../network/change.ts';
import type { Deps } from '../deps.ts';

/**
 * Length of the trial in seconds. Together with the work before and after it, it stays below the time limit of a
 * change.
 */
const TRIAL = 90;

/** Changes the control plane's address; see `Deps`. All hosts that were connected must connect again. */
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
