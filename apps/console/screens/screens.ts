import type { Size } from '../kit/frame.ts';
import type { Key } from '../kit/keys.ts';
import type { Screen, State } from '../state.ts';
import type { Step } from '../steps.ts';
import type { Body } from './body.ts';
import { onDhcpKey, viewDhcp } from './dhcp.ts';
import { onJoinKey, viewJoin } from './join.ts';
import { onLogsKey, viewLogs } from './logs.ts';
import { onNetworkKey, viewNetwork } from './network.ts';
import { onPasswordKey, viewPassword } from './password.ts';
import { onPowerKey, viewPower } from './power.ts';
import { onServicesKey, viewServices } from './services.ts';
import { onMinutesKey, onSshKey, viewMinutes, viewSsh } from './ssh.ts';
import { onStaticKey, viewStatic } from './static.ts';
import { onStatusKey, viewStatus } from './status.ts';
import { onWifiKey, viewWifi } from './wifi.ts';

/** True for screens in which digits and letters are typed. */
export function takesText(screen: Screen): boolean {
  return 'form' in screen;
}

/** Hands a key to the screen that is shown. */
export function onScreenKey(state: State, key: Key): Step {
  const { screen } = state;
  switch (screen.name) {
    case 'status':
      return onStatusKey(state, screen, key);
    case 'network':
      return onNetworkKey(state, screen, key);
    case 'static':
      return onStaticKey(state, screen, key);
    case 'dhcp':
      return onDhcpKey(state, screen, key);
    case 'wifi':
      return onWifiKey(state, screen, key);
    case 'join':
      return onJoinKey(state, screen, key);
    case 'ssh':
      return onSshKey(state, screen, key);
    case 'ssh-minutes':
      return onMinutesKey(state, screen, key);
    case 'services':
      return onServicesKey(state, screen, key);
    case 'logs':
      return onLogsKey(state, screen, key);
    case 'password':
      return onPasswordKey(state, screen, key);
    case 'power':
      return onPowerKey(state, screen, key);
  }
}

/** Draws the screen that is shown. */
export function viewScreen(state: State, room: Size): Body {
  const { screen } = state;
  switch (screen.name) {
    case 'status':
      return viewStatus(state, screen, room);
    case 'network':
      return viewNetwork(state, screen, room);
    case 'static':
      return viewStatic(state, screen, room);
    case 'dhcp':
      return viewDhcp(state, screen, room);
    case 'wifi':
      return viewWifi(state, screen, room);
    case 'join':
      return viewJoin(state, screen, room);
    case 'ssh':
      return viewSsh(state, screen, room);
    case 'ssh-minutes':
      return viewMinutes(state, screen, room);
    case 'services':
      return viewServices(state, screen, room);
    case 'logs':
      return viewLogs(state, screen, room);
    case 'password':
      return viewPassword(state, screen, room);
    case 'power':
      return viewPower(state, screen, room);
  }
}
