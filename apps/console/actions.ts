import type { Keep, StaticAddress, WifiNetwork } from '../network/change.ts';
import type { Deps } from './deps.ts';

/** What needs root's password, once there is one. */
export type Action =
  | { type: 'set-static'; change: StaticAddress }
  | { type: 'set-dhcp'; change: { interface: string; keep: Keep } }
  | { type: 'join-wifi'; network: WifiNetwork }
  | { type: 'enable-ssh'; minutes: number | null }
  | { type: 'disable-ssh' }
  | { type: 'restart-service'; service: string }
  | { type: 'set-password'; password: string }
  | { type: 'restart' }
  | { type: 'power-off' }
  | { type: 'cut-short' }
  | { type: 'shell' };

/** What is being done, for a person who waits. */
export function titleOf(action: Action): string {
  switch (action.type) {
    case 'set-static':
      return `Setting ${action.change.address} on ${action.change.interface}`;
    case 'set-dhcp':
      return `Asking for an address on ${action.change.interface}`;
    case 'join-wifi':
      return `Joining ${action.network.ssid}`;
    case 'enable-ssh':
      return 'Switching SSH on';
    case 'disable-ssh':
      return 'Switching SSH off';
    case 'restart-service':
      return `Restarting ${action.service}`;
    case 'set-password':
      return 'Setting the password';
    case 'restart':
      return 'Restarting the machine';
    case 'power-off':
      return 'Shutting down';
    case 'cut-short':
      return 'Cutting the power of virtual machines';
    case 'shell':
      return 'Opening a shell';
  }
}

/** Milliseconds that an action may take at most: longer than any command that it runs is allowed to. */
export const ACTION_LIMIT = 200_000;

/**
 * Does it.
 * @returns what to tell the person
 * @throws what `deps` throws
 */
export async function perform(action: Action, deps: Deps, signal: AbortSignal): Promise<string> {
  switch (action.type) {
    case 'set-static':
      return deps.setStatic(action.change, signal);
    case 'set-dhcp':
      return deps.setDhcp(action.change, signal);
    case 'join-wifi':
      return deps.joinWifi(action.network, signal);
    case 'enable-ssh':
      return joined(
        action.minutes === null
          ? 'SSH is on until it is switched off.'
          : `SSH is on for ${action.minutes} minutes.`,
        await deps.enableSsh(action.minutes, signal),
      );
    case 'disable-ssh':
      return joined('SSH is off.', await deps.disableSsh(signal));
    case 'restart-service':
      await deps.restartService(action.service, signal);
      return `${action.service} was restarted.`;
    case 'set-password':
      return joined(
        'The password is set. It is asked for before anything is changed here.',
        await deps.setPassword(action.password, signal),
      );
    case 'restart':
      await deps.restart(signal);
      return 'The machine is restarting.';
    case 'power-off':
      await deps.powerOff(signal);
      return 'The machine is shutting down.';
    case 'cut-short':
      await deps.cutShort(signal);
      return 'Virtual machines are not waited for any longer.';
    case 'shell':
      return '';
  }
}

/** What was done, and what is to be minded, if anything. */
function joined(done: string, notices: readonly string[]): string {
  return notices.length === 0 ? done : `${done} Note: ${notices.join('; ')}`;
}
