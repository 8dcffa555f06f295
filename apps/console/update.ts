import type { Action } from './actions.ts';
import {
  onAuthorizationKey,
  onPasswordChecked,
  onPasswordState,
  request,
} from './authorization.ts';
import type { FactName } from './deps.ts';
import { type Key, letter } from './kit/keys.ts';
import type { Happening } from './kit/program.ts';
import { entryOfDigit, entryOfFunctionKey } from './menu.ts';
import { ask, onFact, poll } from './polling.ts';
import { NETWORK, SSH, STATUS } from './screens/back.ts';
import { onScreenKey, takesText } from './screens/screens.ts';
import { wifiScreen } from './screens/wifi.ts';
import type { Dialog, Event, Screen, State } from './state.ts';
import { open, type Step, show, stay, tell } from './steps.ts';

/** What becomes of a console when something happens. Facts that the new screen shows are asked for where they are old. */
export function update(state: State, event: Event | Happening): Step {
  const step = react(state, event);
  const polled = poll(step.state);
  return { state: polled.state, effects: [...step.effects, ...polled.effects] };
}

function react(state: State, event: Event | Happening): Step {
  switch (event.type) {
    case 'key':
      return onKey(state, event.key);
    case 'resize':
      return stay({ ...state, size: event.size });
    case 'tick':
      return onTick({ ...state, now: event.now });
    case 'fact':
      return stay(onFact(state, event.fact, event.turn));
    case 'log':
      return onLog(state, event);
    case 'network-changed': {
      const asked = ask(state, ['network', 'host', 'health']);
      return { ...asked, effects: [...asked.effects, { type: 'await-network-change' }] };
    }
    case 'network-unwatched':
      return stay(state);
    case 'scanned':
      return stay({ ...state, dialog: null, screen: wifiScreen(event.interface, event.found) });
    case 'password-state':
      return onPasswordState(state, event.action, event.state);
    case 'password-checked':
      return onPasswordChecked(state, event.action, event.right);
    case 'performed':
      return onPerformed(state, event.action, event.message);
    case 'failed':
      return tell(state, `Failed: ${event.title}`, event.problem);
    case 'cancelled':
      return onCancelled(state);
  }
}

function onTick(state: State): Step {
  const { dialog, screen } = state;
  const turned: Dialog | null =
    dialog?.name === 'working' ? { ...dialog, turn: dialog.turn + 1 } : dialog;
  const follows = dialog === null && screen.name === 'logs' && screen.top === 'end';
  return {
    state: { ...state, dialog: turned },
    effects: follows ? [{ type: 'read-log', source: screen.source }] : [],
  };
}

function onLog(state: State, { source, lines, problem }: Extract<Event, { type: 'log' }>): Step {
  const { screen } = state;
  if (screen.name !== 'logs' || screen.source !== source) return stay(state);
  return show(state, { ...screen, lines, problem });
}

function onKey(state: State, key: Key): Step {
  const { screen, dialog } = state;
  // A message only tells something: the menu leads on from it, as from a screen.
  if (dialog === null || dialog.name === 'message') {
    const chosen = entryOfFunctionKey(key) ?? (takesText(screen) ? undefined : entryOfDigit(key));
    if (chosen !== undefined) return chosen.choose({ ...state, dialog: null });
  }
  if (dialog !== null) return onDialogKey(state, dialog, key);
  const leaves = key.name === 'escape' || key.name === 'interrupt';
  if (leaves && !takesText(screen) && screen.name !== 'wifi') return show(state, STATUS);
  return onScreenKey(state, key);
}

function onDialogKey(state: State, dialog: Dialog, key: Key): Step {
  const escapes = key.name === 'escape' || key.name === 'interrupt';
  switch (dialog.name) {
    case 'message': {
      const read = escapes || key.name === 'enter' || letter(key) === ' ';
      return read ? stay({ ...state, dialog: null }) : stay(state);
    }
    case 'confirm':
      if (escapes || letter(key) === 'n') return stay({ ...state, dialog: null });
      return letter(key) === 'y' ? request(state, dialog.action) : stay(state);
    case 'working':
      if (!escapes) return stay(state);
      return { state, effects: [{ type: 'cancel' }] };
    case 'authorize':
      return onAuthorizationKey(state, dialog, key);
  }
}

/** Facts that an action changes, and the screen that it leads to. */
const CONSEQUENCES: Record<Action['type'], { facts: readonly FactName[]; screen: Screen | null }> =
  {
    'set-static': { facts: ['network', 'host'], screen: NETWORK },
    'set-dhcp': { facts: ['network', 'host'], screen: NETWORK },
    'join-wifi': { facts: ['network', 'host'], screen: NETWORK },
    'enable-ssh': { facts: ['ssh'], screen: SSH },
    'disable-ssh': { facts: ['ssh'], screen: SSH },
    'restart-service': { facts: ['services'], screen: null },
    'set-password': { facts: [], screen: STATUS },
    restart: { facts: [], screen: STATUS },
    'power-off': { facts: [], screen: STATUS },
    'cut-short': { facts: ['stop'], screen: null },
    shell: { facts: [], screen: null },
  };

function onPerformed(state: State, action: Action, message: string): Step {
  const { facts, screen } = CONSEQUENCES[action.type];
  const asked = ask({ ...state, screen: screen ?? state.screen }, facts);
  return { ...tell(asked.state, 'Done', message), effects: asked.effects };
}

/** What was cancelled may have had its effect, in part: it is looked at anew. */
function onCancelled(state: State): Step {
  if (state.dialog?.name !== 'working') return stay(state);
  const asked = ask(state, ['network', 'services', 'ssh']);
  return {
    ...open(asked.state, { name: 'message', title: 'Cancelled', text: state.dialog.title }),
    effects: asked.effects,
  };
}
