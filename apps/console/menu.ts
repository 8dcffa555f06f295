import { request } from './authorization.ts';
import { EXIT } from './exit-status.ts';
import { type Key, letter } from './kit/keys.ts';
import { NETWORK, POWER, SERVICES, SSH, STATUS } from './screens/back.ts';
import { openLog } from './screens/logs.ts';
import { openPasswordForm } from './screens/password.ts';
import type { State } from './state.ts';
import { leave, type Step, show } from './steps.ts';

/** An entry of the menu; the first is F1 or 1, and so on. */
interface Entry {
  label: string;
  choose(state: State): Step;
}

/** The menu at the foot of every screen. */
export const MENU: readonly Entry[] = [
  { label: 'Status', choose: (state) => show(state, STATUS) },
  { label: 'Network', choose: (state) => show(state, NETWORK) },
  { label: 'SSH', choose: (state) => show(state, SSH) },
  { label: 'Services', choose: (state) => show(state, SERVICES) },
  { label: 'Logs', choose: (state) => openLog(state, 'system') },
  { label: 'Password', choose: (state) => show(state, openPasswordForm()) },
  { label: 'Power', choose: (state) => show(state, POWER) },
  { label: 'Shell', choose: (state) => request(state, { type: 'shell' }) },
  { label: 'Log-in', choose: (state) => leave(state, EXIT.login) },
];

/** The entry that a function key stands for. */
export function entryOfFunctionKey(key: Key): Entry | undefined {
  return MENU.find((_, index) => key.name === `f${index + 1}`);
}

/** The entry that a digit stands for, where digits are not typed into a form. */
export function entryOfDigit(key: Key): Entry | undefined {
  return MENU.find((_, index) => letter(key) === String(index + 1));
}
