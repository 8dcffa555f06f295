import type { Network } from '../../api/network.ts';
import type { Keep, Lasting } from '../../network/change.ts';
import { createChoiceField } from '../kit/field.ts';

/** Field for how long a change of the network lasts. */
export const keepField = createChoiceField({
  name: 'keep',
  label: 'Lasts',
  choices: [
    { value: 'persistent', label: 'for good' },
    { value: 'session', label: 'until the next restart' },
  ],
});

/** Seconds in which a change must be confirmed: enough for a slow machine to make it, and to try the new address. */
export const CONFIRM_SECONDS = 120;

/** Field for whether a change is undone without a confirmation. */
export const confirmField = createChoiceField({
  name: 'confirm',
  label: 'Undone',
  choices: [
    { value: 'yes', label: 'in 2 minutes, unless you confirm' },
    { value: 'no', label: 'only if it fails' },
  ],
});

/** Returns the default choice: without a disk for settings, nothing lasts longer than the session. */
export function chooseDefaultKeep({ persistent }: Pick<Network, 'persistent'>): Keep {
  return persistent ? 'persistent' : 'session';
}

/** Converts the value of `keepField`. */
export function toKeep(value: string): Keep {
  return value === 'session' ? 'session' : 'persistent';
}

/** Converts the values of `keepField` and `confirmField`. */
export function toLasting({ keep, confirm }: { keep: string; confirm: string }): Lasting {
  return { keep: toKeep(keep), confirm: confirm === 'yes' ? CONFIRM_SECONDS : null };
}
