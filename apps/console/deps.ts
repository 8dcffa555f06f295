import type { Health } from '../api/health.ts';
import type { Host } from '../api/host.ts';
import type { Network } from '../api/network.ts';
import type { Readiness } from '../api/readiness.ts';
import type { Pool } from '../api/storage.ts';
import type { Vms } from '../api/vms.ts';
import type { Keep, StaticAddress, WifiNetwork } from '../network/change.ts';
import type { HeardNetwork } from '../network/scan.ts';
import type { SshState } from '../services/ssh.ts';
import type { Service } from '../services/state.ts';

/** Which log: all services', the kernel's, or the kernel's warnings and errors alone. */
export type LogSource = 'system' | 'kernel' | 'warnings';

/** How far a host is with stopping its virtual machines before it goes down. */
export interface GuestStop {
  /** What is still waited for, in a line; `null` if the host does not go down. */
  waits: string | null;
}

/** What the consoles know of a machine. */
export interface FactValues {
  host: Host;
  network: Network;
  services: Service[];
  ssh: SshState;
  health: Health;
  readiness: Readiness;
  vms: Vms;
  pools: Pool[];
  stop: GuestStop;
}

export type FactName = keyof FactValues;

/** How a fact is read; a rejection's message is shown to the person at the console. */
export type Read<T> = (signal: AbortSignal) => Promise<T>;

/** Whether root has a password; where that cannot be known nobody is let in, and why is told. */
export type PasswordState = 'set' | 'empty' | { closed: string };

/**
 * All that a console asks of the machine it runs on. Each function ends early when its signal is aborted, and rejects
 * with an error whose message is written for the person at the console.
 */
export interface Deps {
  /** The facts that this appliance has; a console shows nothing of those that are absent. */
  facts: { [Name in FactName]?: Read<FactValues[Name]> };

  /** Waits until the network changes; rejects if that cannot be watched. */
  networkChange(signal: AbortSignal): Promise<void>;

  /** Changes of the network, by qx-network. They resolve with what it says. */
  setStatic(address: StaticAddress, signal: AbortSignal): Promise<string>;
  setDhcp(change: { interface: string; keep: Keep }, signal: AbortSignal): Promise<string>;
  scanWifi(interfaceName: string, signal: AbortSignal): Promise<HeardNetwork[]>;
  /** An empty password joins an open network. */
  joinWifi(network: WifiNetwork, signal: AbortSignal): Promise<string>;

  /** Switches SSH on, for some minutes or (`null`) until it is switched off. Resolves with what is to be minded, a line each. */
  enableSsh(minutes: number | null, signal: AbortSignal): Promise<string[]>;
  disableSsh(signal: AbortSignal): Promise<string[]>;

  restartService(name: string, signal: AbortSignal): Promise<void>;

  /** The last lines of a log, oldest first. */
  readLog(source: LogSource, signal: AbortSignal): Promise<string[]>;

  /** Whether root has a password. */
  passwordState(signal: AbortSignal): Promise<PasswordState>;
  /** Whether this is root's password. */
  checkPassword(password: string, signal: AbortSignal): Promise<boolean>;
  /** Resolves with what is to be minded, a line each. */
  setPassword(password: string, signal: AbortSignal): Promise<string[]>;

  restart(signal: AbortSignal): Promise<void>;
  powerOff(signal: AbortSignal): Promise<void>;
  /** Cuts the power of virtual machines that a host which goes down still waits for. */
  cutShort(signal: AbortSignal): Promise<void>;
}
