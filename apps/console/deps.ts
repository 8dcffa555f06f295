import type { VmVerb } from '../agent/client/vms.ts';
import type { NewToken, TokenRequest } from '../api/fleet.ts';
import type { MaintenanceRequest } from '../api/maintenance.ts';
import type { PoolRequest } from '../api/storage.ts';
import type { IssuedUser } from '../api/users.ts';
import type { NetworkCommand } from '../network/change.ts';
import type { HeardNetwork } from '../network/scan.ts';
import type { OwnCommand } from '../process/own-program.ts';
import type { PublicKey } from '../services/public-key.ts';
import type { FactName, FactValue } from './facts.ts';

/** How something is asked; a rejection's message is shown to the person at the console. */
export type Read<T> = (signal: AbortSignal) => Promise<T>;

/** Whether root has a password; where that cannot be known nobody is let in, and why is told. */
export type PasswordState = 'set' | 'empty' | { closed: string };

/** What a host joins a control plane with. */
export interface Invitation {
  /** `https://host` or `https://host:port`. */
  address: string;
  /** `qxj1.SECRET.FINGERPRINT`, good for one host. */
  token: string;
}

/**
 * All that a console asks of the machine it runs on. Each function ends early when its signal is aborted, and rejects
 * with an error whose message is written for the person at the console.
 */
export interface Deps {
  /** The facts that this appliance has; a console shows nothing of those that are absent. */
  facts: { readonly [Name in FactName]?: Read<FactValue<Name>> };

  /** Waits until the network changes; rejects if that cannot be watched. */
  networkChange(signal: AbortSignal): Promise<void>;

  /** Changes the network, by qx-network. Resolves with what it says, a line each. */
  changeNetwork(command: NetworkCommand, signal: AbortSignal): Promise<string[]>;
  scanWifi(interfaceName: string, signal: AbortSignal): Promise<HeardNetwork[]>;

  /** Switches SSH on, for some minutes or (`null`) until it is switched off. Resolves with what is to be minded, a line each. */
  enableSsh(minutes: number | null, signal: AbortSignal): Promise<string[]>;
  disableSsh(signal: AbortSignal): Promise<string[]>;

  /** Public keys on a stick, `/dev/sdb1` say, or at an address whose content has this SHA-256. */
  stickKeys(device: string, signal: AbortSignal): Promise<PublicKey[]>;
  fetchKeys(what: { url: string; sha256: string }, signal: AbortSignal): Promise<PublicKey[]>;

  /** Runs another of the appliance's programs. Resolves with what it says, a line each. */
  run(command: OwnCommand, signal: AbortSignal): Promise<string[]>;

  restartService(name: string, signal: AbortSignal): Promise<void>;

  /** Whether root has a password. */
  passwordState(signal: AbortSignal): Promise<PasswordState>;
  /** Whether this is root's password. */
  checkPassword(password: string, signal: AbortSignal): Promise<boolean>;
  /** Resolves with what is to be minded, a line each. */
  setPassword(password: string, signal: AbortSignal): Promise<string[]>;

  restart(signal: AbortSignal): Promise<void>;
  powerOff(signal: AbortSignal): Promise<void>;
  /** Of a hypervisor host, by its agent. */
  actOnVm(what: { id: string; verb: VmVerb }, signal: AbortSignal): Promise<void>;
  setMaintenance(what: MaintenanceRequest, signal: AbortSignal): Promise<void>;
  /** Resolves with what the pool is like. */
  addPool(pool: PoolRequest, signal: AbortSignal): Promise<string>;
  removePool(name: string, signal: AbortSignal): Promise<void>;
  /** Has whoever runs this program open a machine's text console when it ends. */
  leaveForConsole(vm: { id: string; name: string }): Promise<void>;

  /** Resolves with how it stands then. */
  joinControlPlane(invitation: Invitation): Promise<string>;
  /** Leaves it, forced also if it does not hear of that. Resolves with what was done. */
  leaveControlPlane(force: boolean): Promise<string>;
  /** The invitation on a stick, `/dev/sdb1` say. */
  readInvitation(device: string, signal: AbortSignal): Promise<Invitation>;

  /** Has the control plane of this machine make a join token. */
  makeJoinToken(request: Omit<TokenRequest, 'by'>, signal: AbortSignal): Promise<NewToken>;
  /** Has it give the first account a password, which is another one each time. */
  issueFirstPassword(signal: AbortSignal): Promise<IssuedUser>;

  /** Writes the support bundle to a stick, `/dev/sdb1` say. Resolves with what it is called there. */
  writeSupport(device: string, signal: AbortSignal): Promise<string>;
  /** Takes the machine back to how it came, and restarts it. Resolves with what goes. */
  reset(what: { name: string; data: boolean }, signal: AbortSignal): Promise<string>;

  /** Cuts the power of virtual machines that a host which goes down still waits for. */
  cutShort(signal: AbortSignal): Promise<void>;
}
