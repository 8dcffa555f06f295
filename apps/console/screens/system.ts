import type { FactName } from '../facts.ts';
import { LIST_START, type List } from '../kit/list.ts';
import type { Screen, State } from '../state.ts';
import { enter, show } from '../steps.ts';
import { BACKUPS } from './backups.ts';
import { createBody } from './body.ts';
import { type Command, drawCommands, findCommand } from './command.ts';
import { CONTROL_PLANE } from './control-plane.ts';
import { FIRST_PASSWORD } from './first-password.ts';
import { FLEET_ADDRESS } from './fleet-address.ts';
import { HARDWARE } from './hardware.ts';
import { createHostNameScreen } from './host-name.ts';
import { joinTokenScreen } from './join-token.ts';
import { createKeyboardScreen } from './keyboard.ts';
import { MAINTENANCE } from './maintenance.ts';
import { NODES } from './nodes.ts';
import { createPasswordScreen } from './password.ts';
import { enterReset } from './reset.ts';
import { STORAGE } from './storage.ts';
import { SUPPORT } from './support.ts';
import { createTimeScreen } from './time.ts';
import { UPDATE } from './update.ts';
import { VMS } from './vms.ts';

/** Screens that are not in the menu; a new one needs a line here. */
const ENTRIES: readonly (Command & { needs?: FactName })[] = [
  { letter: 'n', text: 'Nodes', needs: 'nodes', run: (state) => enter(state, NODES) },
  {
    letter: 'j',
    text: 'Join token',
    needs: 'nodes',
    run: (state) => enter(state, joinTokenScreen()),
  },
  {
    letter: 'a',
    text: 'First password',
    needs: 'firstLogIn',
    run: (state) => enter(state, FIRST_PASSWORD),
  },
  { letter: 'd', text: 'Backups', needs: 'backups', run: (state) => enter(state, BACKUPS) },
  {
    letter: 'r',
    text: 'Address for hosts',
    needs: 'address',
    run: (state) => enter(state, FLEET_ADDRESS),
  },
  { letter: 'v', text: 'Virtual machines', needs: 'vms', run: (state) => enter(state, VMS) },
  { letter: 's', text: 'Disks and pools', needs: 'pools', run: (state) => enter(state, STORAGE) },
  {
    letter: 'm',
    text: 'Maintenance mode',
    needs: 'vms',
    run: (state) => enter(state, MAINTENANCE),
  },
  { letter: 'c', text: 'Control plane', needs: 'vms', run: (state) => enter(state, CONTROL_PLANE) },
  { letter: 'p', text: 'Password', run: (state) => enter(state, createPasswordScreen()) },
  { letter: 'h', text: 'Host name', run: (state) => enter(state, createHostNameScreen(state)) },
  { letter: 'l', text: 'Keyboard layout', run: (state) => enter(state, createKeyboardScreen()) },
  { letter: 't', text: 'Time', run: (state) => enter(state, createTimeScreen()) },
  { letter: 'u', text: 'Update', run: (state) => enter(state, UPDATE) },
  { letter: 'w', text: 'Hardware', run: (state) => enter(state, HARDWARE) },
  { letter: 'b', text: 'Support bundle', run: (state) => enter(state, SUPPORT) },
  { letter: 'f', text: 'Factory reset', run: enterReset },
];

/** Screen from which these screens are opened. */
export const SYSTEM = systemScreen(LIST_START);

function systemScreen(list: List): Screen {
  return {
    facts: [],
    takesText: false,
    view: (state, room) =>
      createBody(
        'System',
        'Enter or letter Open   Esc Back',
        drawCommands(list, entriesOf(state), room),
      ),
    onKey: (state, key) => {
      const chosen = findCommand(list, entriesOf(state), key);
      return 'command' in chosen
        ? chosen.command.run(state)
        : show(state, systemScreen(chosen.list));
    },
  };
}

/** Returns the entries for which this appliance has the facts. */
function entriesOf({ sources }: State): Command[] {
  return ENTRIES.filter(({ needs }) => needs === undefined || sources.includes(needs));
}
