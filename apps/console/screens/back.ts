import { LIST_START } from '../kit/list.ts';
import type { Screen, State } from '../state.ts';
import { type Step, show } from '../steps.ts';

/** Screens as they are when one comes to them. */
export const STATUS: Screen = { name: 'status', top: 0 };
export const NETWORK: Screen = { name: 'network', list: LIST_START };
export const SSH: Screen = { name: 'ssh', list: LIST_START };
export const SERVICES: Screen = { name: 'services', list: LIST_START };
export const POWER: Screen = { name: 'power', list: LIST_START };

/** From a form about the network to the list of interfaces. */
export function backToNetwork(state: State): Step {
  return show(state, NETWORK);
}
