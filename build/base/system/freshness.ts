import type { Lock } from '../../contract/lock.ts';
import { BuildError } from '../../error.ts';

/** Milliseconds by which a clock may be behind without being treated as wrong. */
const TOLERANCE = 24 * 3_600_000;

/**
 * Refuses indexes older than those in the lock, so that a mirror replaying old signed indexes cannot keep an appliance
 * at vulnerable packages.
 * @param known the states in the lock; `undefined` if older indexes are accepted, or there is no lock
 * @throws BuildError naming the repository and both dates
 */
export function assertNotOlder(
  present: Lock['repositories'],
  known: Lock['repositories'] | undefined,
): void {
  for (const [name, { suite, date }] of Object.entries(present)) {
    const before = known?.[name];
    if (before === undefined || before.suite !== suite || date >= before.date) continue;
    throw new BuildError({
      what: `the index of ${name} is older than the one in the lock: ${formatMinute(date)} instead of ${formatMinute(before.date)}`,
      fix: 'The mirror lags, or somebody serves old packages: name another one with MIRROR=…, or accept it with --update.',
    });
  }
}

/** An index with its time of creation and its time of expiry. */
export interface DatedIndex {
  suite: string;
  date: Date;
  validUntil?: Date | undefined;
}

/**
 * Refuses an expired index. If the clock shows a time before the index was created, the clock is wrong: the user sees a
 * message, and the check is skipped.
 * @param now the host's time
 * @param say receives a line if the clock is wrong
 * @throws BuildError naming both times
 */
export function assertValid(
  { suite, date, validUntil }: DatedIndex,
  now: Date,
  say: (line: string) => void,
): void {
  if (now.getTime() + TOLERANCE < date.getTime()) {
    say(
      `this machine's clock says ${formatMinute(now)}, before the index of ${suite} was made (${formatMinute(date)}), so the index may be outdated`,
    );
  } else if (validUntil !== undefined && now > validUntil) {
    throw new BuildError({
      what: `the index of ${suite} was valid until ${formatMinute(validUntil)}, and this machine's clock says ${formatMinute(now)}`,
      fix: 'Set the clock if it is wrong; else the mirror lags: name another one with MIRROR=…, or accept it with --update.',
    });
  }
}

function formatMinute(date: string | Date): string {
  const text = typeof date === 'string' ? date : date.toISOString();
  return text.slice(0, 16).replace('T', ' ');
}
