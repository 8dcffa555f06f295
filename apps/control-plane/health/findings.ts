import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type PeerCertificate } from 'node:tls';
import { messageOf } from '../../error.ts';
import type { Space } from '../../host/file-system-space.ts';
import { codeOf } from '../../process/code-of.ts';
import type { TimeState } from '../../services/time.ts';
import { bytes } from '../../text/amount.ts';
import { isNewerVersion } from '../newer-version.ts';

const DAY = 86_400_000;

/** One thing that was looked at. */
export interface Finding {
  readonly subject: string;
  /** `null` if it is not known: that alone is no problem. */
  readonly isWell: boolean | null;
  /** What was found, for people. */
  readonly told: string;
  /** What to do; empty if there is nothing to do. */
  readonly fix: string;
}

/** A part of a file system that has to stay free. */
const LEAST_FREE = 0.1;

/** Whether there is room for what grows: the database, backups, updates. */
export function judgeSpace({ total, available }: Space, folder: string): Finding {
  const share = total === 0 ? 1 : available / total;
  const isWell = share >= LEAST_FREE;
  const told = `${bytes(available)} of ${bytes(total)} are free (${folder})`;
  const fix = `Remove backups that nobody needs (${folder}), lower updates.limitGiB, or use a larger disk.`;
  return { subject: 'disk', isWell, told, fix: isWell ? '' : fix };
}

/** Milliseconds by which the hosts' clocks may differ from this one. */
const CLOCK_DIFFERENCE = 5_000;

/**
 * Whether the clock is right, as far as it can be told.
 * @param time what chronyd knows; undefined if it cannot be asked
 * @param offsets the hosts' clocks minus this one, in milliseconds
 */
export function judgeClock(time: TimeState | undefined, offsets: readonly number[]): Finding {
  const subject = 'clock';
  const sorted = offsets.toSorted((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
  const isSet = time?.synchronized === true;
  const source = isSet ? `set by ${time.reference}` : 'set by no time server';
  if (Math.abs(median) <= CLOCK_DIFFERENCE) {
    const ask = 'qx-time status tells which time servers answer.';
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

/** Milliseconds that the port of the agents has to answer, and to be opened: that comes after the start of the service. */
const WITHIN = 5_000;
const OPENED_WITHIN = 15_000;

/** What answers at a port. */
export type PortAnswer = { readonly endsAt: number } | { readonly problem: string };

/** Where a port is, and what is spoken there, as TLS names it (RFC 7301). */
interface PortAddress {
  readonly listen: string;
  readonly port: number;
  readonly protocol: 'h2' | 'http/1.1';
}

/**
 * Calls a port of this machine by TLS, for a while if nothing listens there.
 * @param openedWithin milliseconds after which it is not called again
 */
export async function askPort(
  address: PortAddress,
  openedWithin = OPENED_WITHIN,
): Promise<PortAnswer> {
  const giveUp = performance.now() + openedWithin;
  for (;;) {
    const { answer, isRefused } = await callPort(address);
    if (!isRefused || performance.now() >= giveUp) return answer;
    await sleep(500);
  }
}

async function callPort({
  listen,
  port,
  protocol,
}: PortAddress): Promise<{ answer: PortAnswer; isRefused: boolean }> {
  const host = listen === '::' ? '::1' : listen === '0.0.0.0' ? '127.0.0.1' : listen;
  const { promise, resolve } = Promise.withResolvers<{ answer: PortAnswer; isRefused: boolean }>();
  const end = (answer: PortAnswer, isRefused = false) => resolve({ answer, isRefused });
  // Whose certificate it is does not matter here: nothing is said to it.
  const asked = { host, port, rejectUnauthorized: false, ALPNProtocols: [protocol] };
  const socket = connect(asked, () => {
    const { valid_to: last }: PeerCertificate = socket.getPeerCertificate();
    const endsAt = Date.parse(last);
    end(Number.isNaN(endsAt) ? { problem: 'it shows no certificate' } : { endsAt });
  });
  socket.setTimeout(WITHIN, () => end({ problem: 'no answer in time' }));
  socket.once('error', (error) =>
    end({ problem: messageOf(error) }, codeOf(error) === 'ECONNREFUSED'),
  );
  try {
    return await promise;
  } finally {
    socket.destroy();
  }
}

/**
 * Days before its end at which a certificate should have been made anew. The control plane makes its own ones when thirty are
 * left; one that was given is people's business, who need time.
 */
const LEAST_DAYS = { own: 20, given: 30 };

/** Whom a port is for, and where its certificate comes from. */
export interface ServedPort {
  readonly port: number;
  readonly whom: 'agents' | 'people';
  readonly certificate: 'own' | 'given';
}

/** Whether hosts or people are served, and the certificate that they are shown is made anew in time. */
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
  const renew =
    certificate === 'own'
      ? restart
      : 'Have it renewed, then qx-controlplane certificate set --cert FILE --key FILE; or certificate reset.';
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
 * How the backups fare that are made by themselves.
 * @param problem from `backupProblem`
 * @param there whether there is a passphrase for them, and the name of the newest one
 */
export function judgeBackups(
  problem: string | undefined,
  { hasPassphrase, newest }: { hasPassphrase: boolean; newest: string | undefined },
): Finding {
  const told = problem ?? (newest === undefined ? 'none yet, and no host has joined' : newest);
  const fix = hasPassphrase
    ? 'logread | grep backup says why; qx-controlplane backup makes one now.'
    : 'Write a passphrase to /quantix/vdc/backup.passphrase, rc-service qx-controlplane restart; docs/control-plane.md.';
  return {
    subject: 'backup',
    isWell: problem === undefined,
    told,
    fix: problem === undefined ? '' : fix,
  };
}

/** A host, and the version of what runs there; empty if it has not told. */
export interface HostVersion {
  readonly hostname: string;
  readonly version: string;
}

/** Hosts that are named; of others their number. */
const NAMED = 5;

/** Which hosts run versions before this one's. They work, so that is no problem yet. */
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
