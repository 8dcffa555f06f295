import type { FleetNode } from '../api/fleet.ts';
import type { Hardware } from '../api/hardware.ts';
import type { Health } from '../api/health.ts';
import type { Host } from '../api/host.ts';
import type { Network } from '../api/network.ts';
import type { Readiness } from '../api/readiness.ts';
import type { Pool } from '../api/storage.ts';
import type { UpdateStatus } from '../api/update.ts';
import type { FirstLogIn } from '../api/users.ts';
import type { Vms } from '../api/vms.ts';
import type { Keyboard } from '../host/keyboard.ts';
import type { Reach } from '../network/reach.ts';
import type { PublicKey } from '../services/public-key.ts';
import type { SshState } from '../services/ssh.ts';
import type { LogInKey } from '../services/ssh-keys.ts';
import type { Service } from '../services/state.ts';
import type { TimeState } from '../services/time.ts';
import type { Stick } from '../support/sticks.ts';

/** What is known of one thing: its value, or why it is not known. Both are `null` until it was first read. */
export interface Fact<T> {
  value: T | null;
  problem: string | null;
}

/** How far a host is with stopping its virtual machines before it goes down. */
export interface GuestStop {
  /** What is still waited for, in a line; `null` if the host does not go down. */
  waits: string | null;
}

/** A fact before it was first read, which is read again when it is so many milliseconds old and a screen shows it. */
function every<T>(age: number): Fact<T> & { age: number } {
  return { value: null, problem: null, age };
}

/**
 * What the consoles may know of a machine. A further fact is a line here and its reader in `appliance/deps.ts`; it costs
 * nothing while no screen names it.
 */
export const FACTS = {
  stop: every<GuestStop>(1_000),
  host: every<Host>(5_000),
  health: every<Health>(5_000),
  readiness: every<Readiness>(5_000),
  nodes: every<FleetNode[]>(5_000),
  firstLogIn: every<FirstLogIn>(5_000),
  vms: every<Vms>(5_000),
  services: every<Service[]>(5_000),
  pools: every<Pool[]>(15_000),
  ssh: every<SshState>(30_000),
  // It is read at once when it changes.
  network: every<Network>(60_000),
  // Disks are asked how they fare.
  hardware: every<Hardware>(60_000),
  sticks: every<Stick[]>(5_000),
  update: every<UpdateStatus>(15_000),
  // Asked when somebody wants to know, and never by itself.
  reach: every<Reach[]>(Number.POSITIVE_INFINITY),
  logInKeys: every<LogInKey[]>(10_000),
  hostKeys: every<PublicKey[]>(10_000),
  keyboard: every<Keyboard>(60_000),
  time: every<TimeState>(10_000),
  systemLog: every<string[]>(5_000),
  kernelLog: every<string[]>(5_000),
  kernelWarnings: every<string[]>(5_000),
};

export type FactName = keyof typeof FACTS;

/** What a fact's value is. */
export type FactValue<Name extends FactName> = NonNullable<(typeof FACTS)[Name]['value']>;

export type Facts = { readonly [Name in FactName]: Fact<FactValue<Name>> };

/** A fact that was read, or could not be. */
export type FactRead<Name extends FactName = FactName> = {
  [Each in Name]: { name: Each; value: FactValue<Each> | null; problem: string | null };
}[Name];

/** Names of all facts. */
export const FACT_NAMES = Object.keys(FACTS).filter((name): name is FactName => name in FACTS);

/** Facts after one was read. What was known before goes, for it may no longer be so. */
export function learn(facts: Facts, { name, value, problem }: FactRead): Facts {
  return { ...facts, [name]: { value, problem } };
}
