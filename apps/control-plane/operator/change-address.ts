import { networkInterfaces } from 'node:os';
import type { AddressOutcome, FleetAddress } from '../../api/address.ts';
import { AnswerError } from '../../http/ask.ts';
import { changeNetwork, confirmCommand, type NetworkCommand } from '../../network/change.ts';
import { NetworkError, type QxNetworkOptions } from '../../network/qx-network.ts';
import { CommandError } from '../../process/command-error.ts';
import { makePrintable } from '../../text/printable.ts';
import { type MonotonicClock, monotonicClock } from '../coordination/clock.ts';
import { ControlPlaneError } from '../error.ts';
import { endAddressPlan, planAddress, showAddress } from './client.ts';

/** Milliseconds between two checks of the hosts. */
const LOOK_EVERY = 1000;

/** Milliseconds within which hosts must report, with a requested heartbeat, that they have stored the new address. */
const AWARE_WITHIN = 30_000;

/** Milliseconds before the end of the trial at which its outcome is decided. */
const MARGIN = 5000;

/** Milliseconds after the end of the trial within which the previous address must be back. */
const BACK_WITHIN = 60_000;

/** What to do about a plan that stays because the control plane does not answer. */
const WITHDRAW = 'When it runs again: qx-controlplane address withdraw.';

/** A planned change of the control plane's address. */
export interface AddressChange {
  readonly interface: string;
  /** Without a prefix, in the form in which the system writes addresses. */
  readonly address: string;
  /** The change of the network, on trial: it is undone unless it is confirmed. */
  readonly command: NetworkCommand;
  /** Seconds of the trial, from 30. */
  readonly trial: number;
  /** Share of the concerned hosts that must return, in percent. */
  readonly percent: number;
}

/** What a change uses. */
export interface AddressChangeDeps {
  /** Announces the new address to hosts. */
  plan(address: string): Promise<FleetAddress>;
  /** Reads the addresses, and which hosts have stored them. @throws AnswerError */
  read(): Promise<FleetAddress>;
  /** Ends the plan. */
  end(outcome: AddressOutcome): Promise<FleetAddress>;
  /** Returns the addresses of an interface. */
  addressesOf(interfaceName: string): readonly string[];
  /** Runs qx-network. @throws NetworkError */
  changeNetwork(command: NetworkCommand): Promise<unknown>;
  /** Confirms the trial. @throws NetworkError if there is none; CommandError if qx-network does not answer */
  confirm(interfaceName: string): Promise<unknown>;
  readonly clock: MonotonicClock;
  /** Ends the waiting. A trial that has begun is then undone by qx-network. */
  readonly signal: AbortSignal;
  /** Reports progress, as sentences. */
  readonly tell: (text: string) => void;
  /** Asks whether to change the address although some hosts do not know the new one. @param hosts their names */
  readonly agree: (hosts: readonly string[]) => Promise<boolean>;
}

/** How a change ended. `abandoned`: the signal ended it, and qx-network undoes it. */
export interface AddressResult {
  readonly outcome: AddressOutcome | 'abandoned';
  /** Names of the hosts that have sent a heartbeat over the new address. */
  readonly returned: readonly string[];
  /** Names of the other hosts. */
  readonly missing: readonly string[];
}

/**
 * Changes the control plane's address: announces the new one to hosts, changes the network on trial, waits for hosts
 * over the new address, and confirms. If too few return, qx-network restores the previous address.
 *
 * The concerned hosts are those that are connected over an address that the interface loses.
 * @throws ControlPlaneError if no host is concerned: nothing would prove that the new address works
 * @throws NetworkError if qx-network refuses the change; AnswerError if the control plane does not answer
 */
export async function changeAddress(
  change: AddressChange,
  deps: AddressChangeDeps,
): Promise<AddressResult> {
  const { address, percent } = change;
  const { clock, signal, tell } = deps;
  const before = await deps.read();
  const leaving = leavingAddresses(change, deps);
  const concerned = before.nodes.filter(
    ({ isHeard, over }) => isHeard && over !== null && leaving.includes(over),
  );
  expectConfirmingHosts(change, concerned.length);
  const known = before.nodes.length;
  tell(`${count(known)} ${known === 1 ? 'gets' : 'get'} the address ${address}.`);
  await deps.plan(address);
  const unaware = await waitForAwareness();
  if (signal.aborted || (unaware.length > 0 && !(await deps.agree(unaware)))) {
    await endPlan('withdrawn');
    return result('withdrawn', []);
  }
  const counted = new Map((await readPlanned()).nodes.map((one) => [one.id, one.heartbeats]));
  const begun = clock.now();
  tell(
    `${change.interface} gets ${address}: undone in ${change.trial} s unless hosts connect to it.`,
  );
  try {
    await deps.changeNetwork(change.command);
  } catch (error) {
    await endPlan('withdrawn');
    throw error;
  }
  const returned = await waitForHosts();
  const isProven = returned.length * 100 >= concerned.length * percent;
  const confirmed = isProven ? await confirm() : 'no';
  if (confirmed === 'yes') return await keep();
  if (signal.aborted) return result('abandoned', returned);
  if (!isProven) {
    tell(`Only ${returned.length} of ${count(concerned.length)} returned: the change is undone.`);
  }
  if (await isUndone()) {
    await endPlan('undone');
    return result('undone', returned);
  }
  if (signal.aborted) return result('abandoned', returned);
  // The confirmation of which no answer came took effect.
  if (confirmed === 'unknown') return await keep();
  throw new ControlPlaneError({
    what: `${change.interface} still has ${address}`,
    fix: 'qx-network status shows more; qx-controlplane address withdraw ends the plan.',
  });

  async function keep(): Promise<AddressResult> {
    await endPlan('changed');
    return result('changed', returned);
  }

  /** Waits for all hosts to report that they have stored the new address. @returns names of those that have not */
  async function waitForAwareness(): Promise<string[]> {
    const until = clock.now() + AWARE_WITHIN;
    for (;;) {
      const isOver = clock.now() >= until || signal.aborted;
      try {
        const { nodes } = await readPlanned();
        const late = nodes.filter(({ isHeard, isAware }) => isHeard && !isAware);
        if (late.length === 0 || isOver) {
          return nodes.filter(({ isAware }) => !isAware).map(({ hostname }) => hostname);
        }
      } catch (error) {
        // The control plane may be restarting: it answers a later request.
        if (isOver || !(error instanceof ControlPlaneError)) throw error;
      }
      await clock.sleep(LOOK_EVERY, signal);
    }
  }

  /** Reads as `deps.read`. @throws ControlPlaneError saying that the plan stays, if the control plane does not answer */
  async function readPlanned(): Promise<FleetAddress> {
    try {
      return await deps.read();
    } catch (cause) {
      if (!(cause instanceof AnswerError)) throw cause;
      throw new ControlPlaneError({
        what: `the address is not changed, and hosts still have the new one in their list: ${cause.message}`,
        fix: WITHDRAW,
        cause,
      });
    }
  }

  /** Ends the plan. If the control plane does not answer, the outcome is the same, and the plan is left to people. */
  async function endPlan(outcome: AddressOutcome): Promise<void> {
    try {
      await deps.end(outcome);
    } catch (error) {
      if (!(error instanceof AnswerError)) throw error;
      tell(`The plan is not ended: ${error.message}. ${WITHDRAW}`);
    }
  }

  /** Waits for the concerned hosts to return. @returns names of those that have */
  async function waitForHosts(): Promise<string[]> {
    const until = begun + change.trial * 1000 - MARGIN;
    let found: string[] = [];
    while (found.length < concerned.length && clock.now() < until && !signal.aborted) {
      const seen = await lookForHosts();
      if (seen !== undefined && seen.length > found.length) {
        tell(`${seen.length} of ${count(concerned.length)} returned.`);
      }
      found = seen ?? found;
      if (found.length < concerned.length) await clock.sleep(LOOK_EVERY, signal);
    }
    return found;
  }

  /** @returns names of the concerned hosts that have returned; `undefined` if the control plane does not answer */
  async function lookForHosts(): Promise<string[] | undefined> {
    try {
      const ids = new Set(concerned.map(({ id }) => id));
      const { nodes } = await deps.read();
      return nodes
        .filter(({ id, over, heartbeats }) => {
          return ids.has(id) && over === address && heartbeats !== counted.get(id);
        })
        .map(({ hostname }) => hostname);
    } catch (error) {
      // The control plane may be restarting: it answers a later request.
      if (error instanceof AnswerError) return undefined;
      throw error;
    }
  }

  /** Confirms the change. @returns `unknown` if qx-network was called, but has not answered */
  async function confirm(): Promise<'yes' | 'no' | 'unknown'> {
    try {
      await deps.confirm(change.interface);
      return 'yes';
    } catch (error) {
      if (error instanceof NetworkError) {
        tell(`${error.message}: the change is undone.`);
        return 'no';
      }
      if (!(error instanceof CommandError)) throw error;
      tell(`${error.message}: the end of the trial shows whether the change is confirmed.`);
      return 'unknown';
    }
  }

  /** Waits until qx-network has undone the change. @returns false if it does not, or the signal ends the waiting */
  async function isUndone(): Promise<boolean> {
    const until = begun + change.trial * 1000 + BACK_WITHIN;
    while (deps.addressesOf(change.interface).includes(address)) {
      if (clock.now() >= until || signal.aborted) return false;
      await clock.sleep(LOOK_EVERY, signal);
    }
    return true;
  }

  function result(outcome: AddressResult['outcome'], back: readonly string[]): AddressResult {
    const names = before.nodes.map(({ hostname }) => hostname);
    return { outcome, returned: back, missing: names.filter((name) => !back.includes(name)) };
  }
}

/** Returns the addresses that an interface loses. @throws ControlPlaneError if it has the new one already */
function leavingAddresses(
  { interface: name, address }: AddressChange,
  { addressesOf }: AddressChangeDeps,
): string[] {
  const present = addressesOf(name);
  if (present.includes(address)) {
    throw new ControlPlaneError({ what: `${name} has ${address} already` });
  }
  return present.filter((one) => one.includes(':') === address.includes(':'));
}

function expectConfirmingHosts(
  { interface: name, address }: AddressChange,
  concerned: number,
): void {
  if (concerned > 0) return;
  throw new ControlPlaneError({
    what: `no host is connected to an address of ${name} that ${address} replaces, so none could prove that it works`,
    fix: 'Change it with qx-network static … --confirm 120, which undoes it unless you confirm it.',
  });
}

function count(hosts: number): string {
  return hosts === 1 ? '1 host' : `${hosts} hosts`;
}

/** How the address of this machine is changed. */
export interface LocalChangeDeps extends Pick<AddressChangeDeps, 'signal' | 'tell' | 'agree'> {
  /** Socket of the control plane; the appliance's if absent. */
  readonly socket?: string;
  /** How qx-network is called. */
  readonly network?: QxNetworkOptions;
}

/**
 * Changes the address of this machine; see `changeAddress`.
 * @throws ControlPlaneError as `changeAddress` does, and with the message of qx-network if it refuses the change
 */
export async function changeAddressHere(
  change: AddressChange,
  { socket, network = {}, ...deps }: LocalChangeDeps,
): Promise<AddressResult> {
  // These requests do not have the signal: a plan that was begun is ended even if the command is interrupted.
  const asking = socket === undefined ? {} : { socket };
  try {
    return await changeAddress(change, {
      plan: (address) => planAddress({ address }, asking),
      read: () => showAddress(asking),
      end: (outcome) => endAddressPlan({ outcome }, asking),
      addressesOf: (name) => (networkInterfaces()[name] ?? []).map(({ address }) => address),
      changeNetwork: (command) => changeNetwork(command, network),
      confirm: (name) => changeNetwork(confirmCommand(name), network),
      clock: monotonicClock,
      ...deps,
    });
  } catch (cause) {
    if (!(cause instanceof NetworkError || cause instanceof CommandError)) throw cause;
    throw new ControlPlaneError({
      what: `the address is not changed: ${cause.message}`,
      fix: 'Hosts have the present addresses only.',
      cause,
    });
  }
}

/** Describes for people how a change has ended, by line. */
export function describeAddressResult(
  { interface: name, address, trial }: AddressChange,
  { outcome, returned, missing }: AddressResult,
): string[] {
  const without = missing.length === 0 ? [] : [`Not seen there: ${formatNames(missing)}`];
  switch (outcome) {
    case 'changed':
      return [`${name} has ${address}: ${count(returned.length)} connected to it.`, ...without];
    case 'undone':
      return [`${name} has its previous address again.`, ...without];
    case 'withdrawn':
      return ['Nothing is changed. Hosts have the present addresses only.'];
    case 'abandoned':
      return [
        `qx-network undoes the change, within ${trial} s of its begin.`,
        'Then: qx-controlplane address withdraw',
      ];
  }
}

/** Formats names of hosts. */
export function formatNames(hosts: readonly string[]): string {
  return hosts.map(makePrintable).join(', ');
}
