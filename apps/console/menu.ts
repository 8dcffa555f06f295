import { authorize } from './authorization.ts';
import { EXIT } from './exit-status.ts';
import { getLetter, type Key } from './kit/keys.ts';
import { LOGS_SCREEN } from './screens/logs.ts';
import { NETWORK } from './screens/network.ts';
import { POWER } from './screens/power.ts';
import { SERVICES } from './screens/services.ts';
import { SSH } from './screens/ssh.ts';
import { STATUS } from './screens/status.ts';
import { SYSTEM } from './screens/system.ts';
import type { Screen, State, Step } from './state.ts';
import { leave, stay } from './steps.ts';

/** An entry of the menu; the first one is F1 or 1, and so on. */
interface Entry {
  label: string;
  choose(state: State): Step;
}

/** The menu at the bottom of every screen. */
export const MENU: readonly Entry[] = [
  { label: 'Status', choose: (state) => stay({ ...state, screen: STATUS, below: [] }) },
  { label: 'Network', choose: (state) => aboveStatus(state, NETWORK) },
  { label: 'SSH', choose: (state) => aboveStatus(state, SSH) },
  { label: 'Services', choose: (state) => aboveStatus(state, SERVICES) },
  { label: 'Logs', choose: (state) => aboveStatus(state, LOGS_SCREEN) },
  { label: 'System', choose: (state) => aboveStatus(state, SYSTEM) },
  { label: 'Power', choose: (state) => aboveStatus(state, POWER) },
  {
    label: 'Shell',
    choose: (state) => authorize(state, 'Opening a shell', (now) => leave(now, EXIT.shell)),
  },
  { label: 'Log-in', choose: (state) => leave(state, EXIT.login) },
];

/** Opens a screen of the menu; Escape leads from there to the status. */
function aboveStatus(state: State, screen: Screen): Step {
  return stay({ ...state, screen, below: [STATUS] });
}

/** Returns the entry of a function key. */
export function findEntryOfFunctionKey(key: Key): Entry | undefined {
  return MENU.find((_, index) => key.name === `f${index + 1}`);
}

/** Returns the entry of a digit; not for screens in which digits are typed. */
export function findEntryOfDigit(key: Key): Entry | undefined {
  return MENU.find((_, index) => getLetter(key) === String(index + 1));
}
