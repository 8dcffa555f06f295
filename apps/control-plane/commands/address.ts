import { isIP, isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { FleetAddress } from '../../api/address.ts';
import {
  changeNetwork,
  confirmCommand,
  ipv6Command,
  type NetworkCommand,
} from '../../network/change.ts';
import { NetworkError, type QxNetworkOptions } from '../../network/qx-network.ts';
import { CommandError } from '../../process/command-error.ts';
import { expectOperands, UsageError } from '../../process/command-line.ts';
import { printable } from '../../text/printable.ts';
import { monotonicClock } from '../coordination/clock.ts';
import { ControlPlaneError } from '../error.ts';
import {
  type AddressChange,
  type AddressMeans,
  type AddressResult,
  changeAddress,
} from '../operator/change-address.ts';
import * as client from '../operator/client.ts';
import { table } from '../operator/describe.ts';
import { type Operating, type Outcome, parseDuration, parseUpTo100, told } from './operating.ts';

/** Seconds of a trial: shortest, as given by default, longest. */
const TRIAL = { least: 30, usual: '2m', most: 3600 };

/**
 * Carries out `qx-controlplane address`; see `operate`.
 * @param network how qx-network is called
 */
export async function address(
  verb: string,
  operands: readonly string[],
  operating: Operating,
  network: QxNetworkOptions = {},
): Promise<Outcome> {
  switch (verb) {
    case 'show': {
      expectOperands(operands);
      const shown = await client.showAddress(operating);
      return told(operating, shown, () => describe(shown));
    }
    case 'withdraw': {
      expectOperands(operands);
      const shown = await client.endAddressPlan({ outcome: 'withdrawn' }, operating);
      return told(operating, shown, () => describe(shown));
    }
    case 'change': {
      expectOperands(operands, 2);
      const trial = parseDuration(operating.values.within ?? TRIAL.usual, TRIAL.most);
      if (trial < TRIAL.least) throw new UsageError(`--within is at least ${TRIAL.least}s`);
      const change = readChange(operands, operating, trial);
      const result = await explained(() => changeAddress(change, meansOf(operating, network)));
      const { text } = told(operating, result, () => describeResult(change, result));
      return { text, status: result.outcome === 'changed' ? 0 : 1 };
    }
    default:
      throw new UsageError('address show, change or withdraw?');
  }
}

function readChange(
  [name = '', given = '']: readonly string[],
  { values }: Operating,
  trial: number,
): AddressChange {
  const [wanted = '', prefix = '', ...more] = given.split('/');
  if (isIP(wanted) === 0 || !/^\d{1,3}$/.test(prefix) || more.length > 0) {
    throw new UsageError(`${JSON.stringify(given)} is not an address such as 10.0.0.5/24`);
  }
  const percent = parseUpTo100('percent', values.percent ?? '100');
  const { gateway, dns } = values;
  const canonical = asWritten(wanted);
  const command: NetworkCommand = isIPv6(wanted)
    ? ipv6Command(
        {
          ...{ interface: name, address: `${canonical}/${prefix}`, gateway: gateway ?? null },
          dns: dns?.split(',') ?? [],
        },
        { keep: 'persistent', confirm: trial },
      )
    : {
        args: [
          ...['static', name, `${canonical}/${prefix}`],
          ...(gateway === undefined ? [] : [`--gateway=${gateway}`]),
          ...(dns === undefined ? [] : [`--dns=${dns}`]),
          ...['--confirm', String(trial)],
        ],
      };
  return { interface: name, address: canonical, command, trial, percent };
}

/** Returns an address as the system writes it: of IPv6 there are many forms. */
function asWritten(text: string): string {
  return isIPv6(text) ? new URL(`https://[${text}]`).hostname.slice(1, -1) : text;
}

function meansOf(operating: Operating, network: QxNetworkOptions): AddressMeans {
  const { socket, signal, form, values, askLine, tell } = operating;
  // Without the signal: what has begun is also ended.
  const asking = { socket };
  return {
    plan: (wanted) => client.planAddress({ address: wanted }, asking),
    read: () => client.showAddress(asking),
    end: (outcome) => client.endAddressPlan({ outcome }, asking),
    addressesOf: (name) => (networkInterfaces()[name] ?? []).map((one) => one.address),
    changeNetwork: (command) => changeNetwork(command, network),
    confirm: (name) => changeNetwork(confirmCommand(name), network),
    clock: monotonicClock,
    signal,
    tell: (text) => (form === 'text' ? tell(`${printable(text)}\n`) : undefined),
    agree: async (hosts) => {
      tell(`These hosts have not confirmed the new address: ${named(hosts)}\n`);
      if (values.yes === true) return true;
      return (await askLine('Type yes to change it nevertheless: '))?.trim() === 'yes';
    },
  };
}

/** Turns the words of qx-network into an error of this program. */
async function explained<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!(cause instanceof NetworkError || cause instanceof CommandError)) throw cause;
    throw new ControlPlaneError({
      what: `the address is not changed: ${cause.message}`,
      fix: 'Hosts have the present addresses only.',
      cause,
    });
  }
}

function describeResult(
  { interface: name, address: wanted, trial }: AddressChange,
  { outcome, returned, missing }: AddressResult,
): string {
  const without = missing.length === 0 ? '' : `Not seen there: ${named(missing)}\n`;
  switch (outcome) {
    case 'changed':
      return `${name} has ${wanted}: ${returned.length} hosts are connected to it.\n${without}`;
    case 'undone':
      return `${name} has its previous address again.\n${without}`;
    case 'withdrawn':
      return 'Nothing is changed. Hosts have the present addresses only.\n';
    case 'abandoned':
      return `qx-network undoes the change, within ${trial} s of its begin.\nThen: qx-controlplane address withdraw\n`;
  }
}

function named(hosts: readonly string[]): string {
  return hosts.map(printable).join(', ');
}

function describe({ origins, planned, nodes }: FleetAddress): string {
  const rows = nodes.map(({ hostname, isHeard, isAware, over }) => [
    hostname,
    isHeard ? 'yes' : 'no',
    isAware ? 'yes' : 'no',
    over ?? '-',
  ]);
  return [
    `hosts are given  ${origins.join(', ') || 'no address'}\n`,
    planned.length === 0 ? '' : `planned          ${planned.join(', ')}\n`,
    table([['HOST', 'HEARD', 'CONFIRMED', 'CONNECTED TO'], ...rows]),
  ].join('');
}
