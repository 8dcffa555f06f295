import type { FleetAddress } from '../api/address.ts';
import type { Backups } from '../api/backups.ts';
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

/** A fact: its value, or why it is unknown. Both are `null` until the fact is read for the first time. */
export interface Fact<T> {
  value: T | null;
  problem: string | null;
}

/** The progress of a host that stops its virtual machines before it shuts down. */
export interface GuestStop {
  /** What it still waits for, in one line; `null` if the host is not shutting down. */
  waits: string | null;
}

/**
 * Creates a fact that was not read yet. It is read again when a screen shows it and it is older than `age`
 * milliseconds.
 */
function every<T>(age: number): Fact<T> & { age: number } {
  return { value: null, problem: null, age };
}

/**
 * The facts that consoles can show of a machine. A new fact needs a line here and a reader in `appliance/deps.ts`; it
 * is read only if a screen names it.
 */
export const FACTS = {
  stop: every<GuestStop>(1_000),
  host: every<Host>(5_000),
  health: every<Health>(5_000),
  readiness: every<Readiness>(5_000),
  nodes: every<FleetNode[]>(5_000),
  firstLogIn: every<FirstLogIn>(5_000),
  backups: every<Backups>(15_000),
  address: every<FleetAddress>(5_000),
  vms: every<Vms>(5_000),
  services: every<Service[]>(5_000),
  pools: every<Pool[]>(15_000),
  ssh: every<SshState>(30_000),
  // Also read whenever it changes.
  network: every<Network>(60_000),
  // Reading it queries the disks' health.
  hardware: every<Hardware>(60_000),
  sticks: every<Stick[]>(5_000),
  update: every<UpdateStatus>(15_000),
  // Read only on request.
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

/** The type of a fact's value. */
export type FactValue<Name extends FactName> = NonNullable<(typeof FACTS)[Name]['value']>;

export type Facts = { readonly [Name in FactName]: Fact<FactValue<Name>> };

/** A fact that was read, or failed to be read. */
export type FactRead<Name extends FactName = FactName> = {
  [Each in Name]: { name: Each; value: FactValue<Each> | null; problem: string | null };
}[Name];

/** Names of all facts. */
export const FACT_NAMES = Object.keys(FACTS).filter((name): name is FactName => name in FACTS);

/** Updates the facts after one was read. Its previous value is dropped even on failure, because it may be outdated. */
export function updateFact(facts: Facts, { name, value, problem }: FactRead): Facts {
  return { ...facts, [name]: { value, problem } };
}
