import type { Network } from '../../api/network.ts';
import type { Keep } from '../../network/change.ts';
import { choiceField } from '../kit/field.ts';

/** The field that says how long a change of the network lasts. */
export const keepField = choiceField({
  name: 'keep',
  label: 'Lasts',
  choices: [
    { value: 'persistent', label: 'for good' },
    { value: 'session', label: 'until the next restart' },
  ],
});

/** What is offered first: without a disk for settings nothing lasts longer than the session. */
export function usualKeep({ persistent }: Pick<Network, 'persistent'>): Keep {
  return persistent ? 'persistent' : 'session';
}

/** What the field holds. */
export function toKeep(value: string): Keep {
  return value === 'session' ? 'session' : 'persistent';
}
