import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type PeerCertificate } from 'node:tls';
import { messageOf } from '../../error.ts';
import type { Space } from '../../host/file-system-space.ts';
import type { TimeState } from '../../services/time.ts';
import { formatBytes } from '../../text/amount.ts';
import { isNewerVersion } from '../newer-version.ts';

const DAY = 86_400_000;

/** The result of one check. */
export interface Finding {
  readonly subject: string;
  /** `null` if it is not known, which is not a problem by itself. */
  readonly isWell: boolean | null;
  /** What was found, in words for people. */
  readonly told: string;
  /** What to do; empty if there is nothing to do. */
  readonly fix: string;
}

/** Share of a file system that must stay free. */
const LEAST_FREE = 0.1;

/** Checks whether there is enough free space for growing data: the database, backups, updates. */
export function judgeSpace({ total, available }: Space, folder: string): Finding {
  const share = total === 0 ? 1 : available / total;
  const isWell = share >= LEAST_FREE;
  const told = `${formatBytes(available)} of ${formatBytes(total)} are free (${folder})`;
  const fix = `Remove backups that nobody needs (${folder}), lower updates.limitGiB, or use a larger disk.`;
  return { subject: 'disk', isWell, told, fix: isWell ? '' : fix };
}

/** Returns the finding if the free space cannot be read. @param why as a clause, for people */
export function tellUnknownSpace(why: string, folder: string): Finding {
  const fix = `mount, ls -ld ${folder} and dmesg show more; backup.folder of config.yaml names another folder.`;
  return { subject: 'disk', isWell: false, told: why, fix };
}

/** Milliseconds by which the hosts' clocks may differ from this machine's. */
const CLOCK_DIFFERENCE = 5_000;

/**
 * Checks whether this machine's clock is right, as far as that is known.
 * @param time chronyd's state; undefined if it cannot be asked
 * @param offsets the hosts' clocks minus this one, in milliseconds
 */
export function judgeClock(time: TimeState | undefined, offsets: readonly number[]): Finding {
  const subject = 'clock';
  const sorted = offsets.toSorted((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
  const isSet = time?.synchronized === true;
  const source = isSet ? `set by ${time.reference}` : 'set by no time server';
  if (Math.abs(median) <= CLOCK_DIFFERENCE) {
    const ask = 'qx-time status shows which time servers answer.';
    return { subject, isWell: isSet || null, told: source, fix: isSet ? '' : ask };
  }
  const seconds = Math.round(Math.abs(median) / 1000);
  const side = median > 0 ? 'ahead of' : 'behind';
  const told = `most hosts’ clocks are ${seconds} s ${side} this one, which is ${source}`;
  return {
    subject,
    isWell: false,
    told,
    fix: 'Give this machine and the hosts the same time servers: qx-time.',
  };
}

/** Milliseconds within which a port must answer an attempt. */
const WITHIN = 5_000;

/**
 * Milliseconds for a port to be opened and served, which the control plane does after its service has started. In
 * emulation, the first TLS handshake may take longer than `WITHIN`, so that a second attempt is needed.
 */
const SERVED_WITHIN = 60_000;

/** The answer of a port: its certificate's end in milliseconds since 1970, or a problem. */
export type PortAnswer = { readonly endsAt: number } | { readonly problem: string };

/** Address of a port, and its protocol's name in TLS (RFC 7301). */
interface PortAddress {
  readonly listen: string;
  readonly port: number;
  readonly protocol: 'h2' | 'http/1.1';
}

/**
 * Connects to a port of this machine with TLS. Retries for a while after a failure: the service listens on the port for
 * people from its start, but serves it later, and cuts off handshakes that have waited too long.
 * @param servedWithin milliseconds after which it gives up
 * @param within milliseconds that each attempt waits for an answer
 */
export async function askPort(
  address: PortAddress,
  servedWithin = SERVED_WITHIN,
  within = WITHIN,
): Promise<PortAnswer> {
  const giveUp = performance.now() + servedWithin;
  for (;;) {
    const answer = await callPort(address, within);
    if ('endsAt' in answer || performance.now() >= giveUp) return answer;
    await sleep(500);
  }
}

async function callPort(
  { listen, port, protocol }: PortAddress,
  within: number,
): Promise<PortAnswer> {
  const host = listen === '::' ? '::1' : listen === '0.0.0.0' ? '127.0.0.1' : listen;
  const { promise, resolve } = Promise.withResolvers<PortAnswer>();
  // The certificate need not be trusted here: nothing is sent to the server.
  const asked = { host, port, rejectUnauthorized: false, ALPNProtocols: [protocol] };
  const socket = connect(asked, () => {
    const { valid_to: last }: PeerCertificate = socket.getPeerCertificate();
    const endsAt = Date.parse(last);
    resolve(Number.isNaN(endsAt) ? { problem: 'it shows no certificate' } : { endsAt });
  });
  socket.setTimeout(within, () => resolve({ problem: 'no answer in time' }));
  socket.once('error', (error) => resolve({ problem: messageOf(error) }));
  try {
    return await promise;
  } finally {
    socket.destroy();
  }
}

/**
 * Minimum number of days for which a certificate should still be valid. The control plane renews its own certificate
 * thirty days before its end. People need time to renew a given certificate. A certificate ordered by ACME may be valid
 * for only a day in all; an alert reports it if its renewal fails.
 */
export const LEAST_DAYS = { own: 20, given: 30, acme: 0 };

/** Whom a port serves, and where its certificate comes from. */
export interface ServedPort {
  readonly port: number;
  readonly whom: 'agents' | 'people';
  readonly certificate: keyof typeof LEAST_DAYS;
}

/** Checks whether a port answers, and whether its certificate is renewed in time. */
export function judgePort(
  answer: PortAnswer,
  { port, whom: subject, certificate }: ServedPort,
  now: number,
): Finding {
  const whom = subject === 'agents' ? 'hosts' : 'people';
  const restart = 'rc-service qx-controlplane restart; logread | grep qx-controlplane';
  if ('problem' in answer) {
    const told = `nothing serves ${whom} on port ${port}: ${answer.problem}`;
    return { subject, isWell: false, told, fix: restart };
  }
  const renew = {
    own: restart,
    given:
      'Have it renewed, then qx-controlplane certificate set --cert FILE --key FILE; or certificate reset.',
    acme: 'qx-controlplane alerts list shows why it was not renewed.',
  }[certificate];
  const days = Math.floor((answer.endsAt - now) / DAY);
  if (days < 0) {
    const told = `the certificate on port ${port} has ended, or the clock is wrong`;
    return { subject, isWell: false, told, fix: `qx-time status; then ${renew}` };
  }
  const isWell = days >= LEAST_DAYS[certificate];
  const told = `${whom} are served on port ${port}, with a certificate for ${days} days more`;
  return { subject, isWell, told, fix: isWell ? '' : renew };
}

/**
 * Checks the state of automatic backups.
 * @param problem from `backupProblem`
 * @param there whether a passphrase is set, the name of the newest backup, and why their folder cannot be read
 */
export function judgeBackups(
  problem: string | undefined,
  {
    hasPassphrase,
    newest,
    unreadable,
  }: { hasPassphrase: boolean; newest: string | undefined; unreadable: string | undefined },
): Finding {
  const told = problem ?? (newest === undefined ? 'none yet, and no host has joined' : newest);
  const fix =
    unreadable !== undefined
      ? 'It is retried every minute. backup.folder of config.yaml names another folder.'
      : hasPassphrase
        ? 'logread | grep backup says why; qx-controlplane backup makes one now.'
        : 'Write a passphrase to /quantix/vdc/backup.passphrase, rc-service qx-controlplane restart; docs/control-plane.md.';
  return {
    subject: 'backup',
    isWell: problem === undefined,
    told,
    fix: problem === undefined ? '' : fix,
  };
}

/** A host and its version; empty if the host has not reported it. */
export interface HostVersion {
  readonly hostname: string;
  readonly version: string;
}

/** Number of hosts that are listed by name; the rest are only counted. */
const NAMED = 5;

/** Lists the hosts with older versions than this one. They work, so this is not a problem yet. */
export function judgeHosts(hosts: readonly HostVersion[], own: string): Finding {
  const subject = 'hosts';
  const older = hosts.filter(({ version }) => isNewerVersion(own, version));
  if (older.length === 0) {
    return { subject, isWell: true, told: `${hosts.length}, none older than ${own}`, fix: '' };
  }
  const names = older.slice(0, NAMED).map(({ hostname, version }) => `${hostname} (${version})`);
  const more = older.length > NAMED ? ` and ${older.length - NAMED} more` : '';
  const told = `${older.length} of ${hosts.length} are older than ${own}: ${names.join(', ')}${more}`;
  return {
    subject,
    isWell: true,
    told,
    fix: 'qx-controlplane updates start brings them the release that is here.',
  };
}
