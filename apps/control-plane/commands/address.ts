import { isIP, isIPv6 } from 'node:net';
import type { FleetAddress } from '../../api/address.ts';
import { makeIpv6Command, type NetworkCommand } from '../../network/change.ts';
import type { QxNetworkOptions } from '../../network/qx-network.ts';
import { expectOperands, UsageError } from '../../process/command-line.ts';
import { makePrintable } from '../../text/printable.ts';
import {
  type AddressChange,
  changeAddressHere,
  describeAddressResult,
  formatNames,
} from '../operator/change-address.ts';
import * as client from '../operator/client.ts';
import { formatTable } from '../operator/describe.ts';
import { refuseVerb } from '../operator/options.ts';
import {
  formatOutcome,
  type Operating,
  type Outcome,
  parseDuration,
  parseUpTo100,
} from './operating.ts';

/** Duration of a trial: `least` and `most` in seconds; `usual`, the default, as a value of --within. */
const TRIAL = { least: 30, usual: '2m', most: 3600 };

/**
 * Carries out `qx-controlplane address`; see `operate`.
 * @param network options for running qx-network
 */
export async function runAddress(
  verb: string,
  operands: readonly string[],
  operating: Operating,
  network: QxNetworkOptions = {},
): Promise<Outcome> {
  switch (verb) {
    case 'show': {
      expectOperands(operands);
      const shown = await client.showAddress(operating);
      return formatOutcome(operating, shown, () => describe(shown));
    }
    case 'withdraw': {
      expectOperands(operands);
      const shown = await client.endAddressPlan({ outcome: 'withdrawn' }, operating);
      return formatOutcome(operating, shown, () => describe(shown));
    }
    case 'change': {
      expectOperands(operands, 2);
      const trial = parseDuration(operating.values.within ?? TRIAL.usual, TRIAL.most);
      if (trial < TRIAL.least) throw new UsageError(`--within is at least ${TRIAL.least}s`);
      const change = readChange(operands, operating, trial);
      const { socket, signal, form, tell } = operating;
      const result = await changeAddressHere(change, {
        ...{ socket, signal, network, agree: (hosts) => agree(hosts, operating) },
        tell: (text) => (form === 'text' ? tell(`${makePrintable(text)}\n`) : undefined),
      });
      const { text } = formatOutcome(operating, result, () =>
        describeAddressResult(change, result)
          .map((line) => `${line}\n`)
          .join(''),
      );
      return { text, status: result.outcome === 'changed' ? 0 : 1 };
    }
    default:
      refuseVerb('address');
  }
}

/** Asks whether to change the address although some hosts have not confirmed it. */
async function agree(
  hosts: readonly string[],
  { values, tell, askLine }: Operating,
): Promise<boolean> {
  tell(`These hosts have not confirmed the new address: ${formatNames(hosts)}\n`);
  if (values.yes === true) return true;
  return (await askLine('Type yes to change it nevertheless: '))?.trim() === 'yes';
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
    ? makeIpv6Command(
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

/** Returns an address in the form in which the system writes it: IPv6 addresses have many forms. */
function asWritten(text: string): string {
  return isIPv6(text) ? new URL(`https://[${text}]`).hostname.slice(1, -1) : text;
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
    formatTable([['HOST', 'HEARD', 'CONFIRMED', 'CONNECTED TO'], ...rows]),
  ].join('');
}
