import { readdir } from 'node:fs/promises';

/** Product that the backups belong to. */
export const PRODUCT = 'qvdc';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** The first Monday after 1 January 1970, which was a Thursday, in milliseconds. */
const MONDAY = 4 * DAY;

/** Schedule and retention of automatic backups. */
export interface BackupRule {
  /** Time of day in UTC, `02:30`. */
  readonly at: string;
  /** Of each of this many latest days, and latest weeks, the last backup is kept; see `selectOutdated`. */
  readonly days: number;
  readonly weeks: number;
  /** Hours after which the last good backup is too old. */
  readonly alertAfter: number;
}

/** Returns the name of a backup made at a time; names sort by time. */
export function backupName(now: Date): string {
  return `${PRODUCT}-${now.toISOString().replaceAll(/[-:]|\.\d+/g, '')}.backup`;
}

const NAME = new RegExp(`^${PRODUCT}-(\\d{4})(\\d{2})(\\d{2})T(\\d{2})(\\d{2})(\\d{2})Z\\.backup$`);

/**
 * Returns the time of a backup in milliseconds since 1970, from its name; undefined if it is not the name of a backup.
 */
export function backupTime(name: string): number | undefined {
  const [, ...parts] = NAME.exec(name) ?? [];
  if (parts.length !== 6) return undefined;
  const [year, month, day, hour, minute, second] = parts;
  const time = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(time) ? undefined : time;
}

/** Lists the names of the good backups of a folder, newest first; a backup gets its name once it is verified. */
export async function listBackups(folder: string): Promise<string[]> {
  const names = await readdir(folder);
  return names
    .filter((name) => backupTime(name) !== undefined)
    .sort()
    .reverse();
}

/**
 * Finds the newest backup. Backups from the future are skipped: a clock that was ahead made them, and they would be the
 * newest for years.
 * @param names of backups
 * @param now milliseconds since 1970
 */
export function findNewest(
  names: readonly string[],
  now: number,
): { name: string; time: number } | undefined {
  return newestFirst(names, now)[0];
}

function newestFirst(names: readonly string[], now: number): { name: string; time: number }[] {
  return names
    .flatMap((name) => {
      const time = backupTime(name);
      return time === undefined || time > now ? [] : [{ name, time }];
    })
    .sort((a, b) => b.time - a.time);
}

/** Returns the time at which a backup was last due, in milliseconds since 1970. @param at `02:30`, UTC */
export function computeLastDue(at: string, now: number): number {
  const [hours = 0, minutes = 0] = at.split(':').map(Number);
  const today = Math.floor(now / DAY) * DAY + hours * HOUR + minutes * 60_000;
  return today <= now ? today : today - DAY;
}

/**
 * Returns the backups to delete. Of each of the latest days that have a backup, the last one is kept; likewise of each
 * of the latest weeks, which begin on Monday. The newest backup is always kept. Backups from the future are kept, too,
 * and do not count.
 * @param names of backups
 * @param now milliseconds since 1970
 */
export function selectOutdated(
  names: readonly string[],
  { days, weeks }: Pick<BackupRule, 'days' | 'weeks'>,
  now: number,
): string[] {
  const there = newestFirst(names, now);
  const lastOfEach = (span: (time: number) => number, most: number) => {
    const spans = new Map<number, string>();
    for (const { name, time } of there) {
      if (!spans.has(span(time))) spans.set(span(time), name);
    }
    return [...spans.values()].slice(0, most);
  };
  const kept = new Set([
    ...there.slice(0, 1).map(({ name }) => name),
    ...lastOfEach((time) => Math.floor(time / DAY), days),
    ...lastOfEach((time) => Math.floor((time - MONDAY) / (7 * DAY)), weeks),
  ]);
  return there.map(({ name }) => name).filter((name) => !kept.has(name));
}

/** The state of automatic backups. */
export interface BackupStanding {
  /** Why their folder cannot be read; undefined if it can. */
  readonly unreadable: string | undefined;
  /** Time of the last good backup; undefined if there is none. */
  readonly newest: number | undefined;
  /** Whether a passphrase is set. */
  readonly hasPassphrase: boolean;
  /** Whether any host has joined: before that, there is nothing to lose. */
  readonly hasHosts: boolean;
  /** What failed in the last attempt, as a clause; undefined if it succeeded. */
  readonly failure: string | undefined;
}

/** Describes a problem of automatic backups; undefined if there is none. @param now milliseconds since 1970 */
export function backupProblem(
  { unreadable, newest, hasPassphrase, hasHosts, failure }: BackupStanding,
  { alertAfter }: Pick<BackupRule, 'alertAfter'>,
  now: number,
): string | undefined {
  if (unreadable !== undefined) return unreadable;
  if (!hasHosts) return undefined;
  if (!hasPassphrase) return 'no backups are made: there is no passphrase for them';
  if (failure !== undefined) return failure;
  if (newest === undefined) return 'there is no backup yet';
  const hours = Math.floor((now - newest) / HOUR);
  return hours >= alertAfter ? `the last good backup is ${hours} hours old` : undefined;
}
