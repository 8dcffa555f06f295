import type { VmVerb } from '../agent/client/vms.ts';
import type { Backups } from '../api/backups.ts';
import type { NewToken, TokenRequest } from '../api/fleet.ts';
import type { MaintenanceRequest } from '../api/maintenance.ts';
import type { PoolRequest } from '../api/storage.ts';
import type { IssuedUser } from '../api/users.ts';
import type { NetworkCommand, StaticAddress } from '../network/change.ts';
import type { HeardNetwork } from '../network/scan.ts';
import type { OwnCommand } from '../process/own-program.ts';
import type { PublicKey } from '../services/public-key.ts';
import type { FactName, FactValue } from './facts.ts';

/** Reads a value; a rejection's message is shown to the person at the console. */
export type Read<T> = (signal: AbortSignal) => Promise<T>;

/** Whether root has a password. If this is unknown, actions that need it are refused, and `closed` says why. */
export type PasswordState = 'set' | 'empty' | { closed: string };

/** Address and token with which a host joins a control plane. */
export interface Invitation {
  /** `https://host` or `https://host:port`. */
  address: string;
  /** `qxj1.SECRET.FINGERPRINT`, valid for one host. */
  token: string;
}

/**
 * Everything that a console needs from its machine. Each function ends early when its signal is aborted, and rejects
 * with an error whose message is written for the person at the console.
 */
export interface Deps {
  /** Readers of the facts that this appliance has; a console does not show absent facts. */
  facts: { readonly [Name in FactName]?: Read<FactValue<Name>> };

  /** Waits until the network changes; rejects if it cannot be watched. */
  networkChange(signal: AbortSignal): Promise<void>;

  /** Changes the network with qx-network. Resolves with its output, by line. */
  changeNetwork(command: NetworkCommand, signal: AbortSignal): Promise<string[]>;
  scanWifi(interfaceName: string, signal: AbortSignal): Promise<HeardNetwork[]>;

  /**
   * Switches SSH on for some minutes or, with `null`, until it is switched off. Resolves with warnings, one per line.
   */
  enableSsh(minutes: number | null, signal: AbortSignal): Promise<string[]>;
  disableSsh(signal: AbortSignal): Promise<string[]>;

  /** Reads public keys from a stick, such as `/dev/sdb1`, or from an address whose content has this SHA-256. */
  stickKeys(device: string, signal: AbortSignal): Promise<PublicKey[]>;
  fetchKeys(what: { url: string; sha256: string }, signal: AbortSignal): Promise<PublicKey[]>;

  /** Runs another of the appliance's programs. Resolves with its output, by line. */
  run(command: OwnCommand, signal: AbortSignal): Promise<string[]>;

  restartService(name: string, signal: AbortSignal): Promise<void>;

  /** Whether root has a password. */
  passwordState(signal: AbortSignal): Promise<PasswordState>;
  /** Checks whether this is root's password. */
  checkPassword(password: string, signal: AbortSignal): Promise<boolean>;
  /** Resolves with warnings, one per line. */
  setPassword(password: string, signal: AbortSignal): Promise<string[]>;

  restart(signal: AbortSignal): Promise<void>;
  powerOff(signal: AbortSignal): Promise<void>;
  /** For hypervisor hosts, through their agent. */
  actOnVm(what: { id: string; verb: VmVerb }, signal: AbortSignal): Promise<void>;
  setMaintenance(what: MaintenanceRequest, signal: AbortSignal): Promise<void>;
  /** Resolves with a description of the pool. */
  addPool(pool: PoolRequest, signal: AbortSignal): Promise<string>;
  removePool(name: string, signal: AbortSignal): Promise<void>;
  /** Makes the program's launcher open a virtual machine's text console when this program ends. */
  leaveForConsole(vm: { id: string; name: string }): Promise<void>;

  /** Resolves with the resulting state. */
  joinControlPlane(invitation: Invitation): Promise<string>;
  /**
   * Leaves the control plane; with `force`, also if the control plane cannot be informed. Resolves with what was done.
   */
  leaveControlPlane(force: boolean): Promise<string>;
  /** Reads the invitation on a stick, such as `/dev/sdb1`. */
  readInvitation(device: string, signal: AbortSignal): Promise<Invitation>;

  /** Creates a join token on this machine's control plane. */
  makeJoinToken(request: Omit<TokenRequest, 'by'>, signal: AbortSignal): Promise<NewToken>;
  /** Sets and returns a new password for the first account. */
  issueFirstPassword(signal: AbortSignal): Promise<IssuedUser>;

  /**
   * Makes a backup of this machine's control plane, and verifies it by restoring it into a scratch database. Resolves
   * with the state of the backups.
   */
  makeBackup(signal: AbortSignal): Promise<Backups>;
  /**
   * Changes the control plane's address, and undoes the change if hosts do not connect to the new one. Resolves with
   * the outcome, by line.
   * @param wanted `isUrgent`: whether to continue even if hosts have not confirmed the new address
   */
  changeAddress(
    wanted: StaticAddress & { readonly isUrgent: boolean },
    signal: AbortSignal,
  ): Promise<string[]>;
  /** Ends a planned change of the address that was interrupted. */
  withdrawAddress(signal: AbortSignal): Promise<void>;

  /** Writes the support bundle to a stick, such as `/dev/sdb1`. Resolves with its name there. */
  writeSupport(device: string, signal: AbortSignal): Promise<string>;
  /** Resets the machine to its delivery state, and restarts it. Resolves with what is erased. */
  reset(what: { name: string; data: boolean }, signal: AbortSignal): Promise<string>;

  /** Cuts the power of virtual machines that a host waits for while it shuts down. */
  cutShort(signal: AbortSignal): Promise<void>;
}
