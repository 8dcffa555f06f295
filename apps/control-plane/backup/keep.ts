import { readdir } from 'node:fs/promises';

/** Whose backups these are. */
export const PRODUCT = 'qvdc';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** 1970 began on a Thursday: days before its first Monday. */
const MONDAY = 4 * DAY;

/** Which backups are made by themselves, when, and for how long they are kept. */
export interface BackupRule {
  /** Time of day in UTC, `02:30`. */
  readonly at: string;
  /** Of how many days, and of how many weeks, the last one is kept. */
  readonly days: number;
  readonly weeks: number;
  /** Hours after which the last good one is too old. */
  readonly alertAfter: number;
}

/** What a backup is called: names are in the order of time. */
export function backupName(now: Date): string {
  return `${PRODUCT}-${now.toISOString().replaceAll(/[-:]|\.\d+/g, '')}.backup`;
}

const NAME = new RegExp(`^${PRODUCT}-(\\d{4})(\\d{2})(\\d{2})T(\\d{2})(\\d{2})(\\d{2})Z\\.backup$`);

/** When a backup was made, by its name; undefined if it is none of these. */
export function backupTime(name: string): number | undefined {
  const [, ...parts] = NAME.exec(name) ?? [];
  if (parts.length !== 6) return undefined;
  const [year, month, day, hour, minute, second] = parts;
  const time = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(time) ? undefined : time;
}

/** Names of the good backups of a folder, the newest first; one has its name when it was verified. */
export async function listBackups(folder: string): Promise<string[]> {
  const names = await readdir(folder);
  return names
    .filter((name) => backupTime(name) !== undefined)
    .sort()
    .reverse();
}

/**
 * The newest backup. One of the future is none: a clock that had gone ahead made it, and it would be the newest for years.
 * @param names of backups
 * @param now milliseconds since 1970
 */
export function newestOf(
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

/** When a backup was due last, in milliseconds since 1970. @param at `02:30`, UTC */
export function lastDue(at: string, now: number): number {
  const [hours = 0, minutes = 0] = at.split(':').map(Number);
  const today = Math.floor(now / DAY) * DAY + hours * HOUR + minutes * 60_000;
  return today <= now ? today : today - DAY;
}

/**
 * Which backups are given up: all but the last one of each of the last days, and of each of the last weeks (from Monday), that
 * have one. The newest always stays, and so does one of the future, which takes no other one's place.
 * @param names of backups
 * @param now milliseconds since 1970
 */
export function outdated(
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

/** What there is to know of the backups that are made by themselves. */
export interface BackupStanding {
  /** When the last good one was made; undefined if there is none. */
  readonly newest: number | undefined;
  /** Whether there is a passphrase for them. */
  readonly hasPassphrase: boolean;
  /** Whether any host has joined: before, nothing can be lost. */
  readonly hasHosts: boolean;
  /** Why the last attempt failed; undefined if it did not. */
  readonly failure: string | undefined;
}

/** What is wrong with them, in words for people; undefined if nothing is. */
export function backupProblem(
  { newest, hasPassphrase, hasHosts, failure }: BackupStanding,
  { alertAfter }: Pick<BackupRule, 'alertAfter'>,
  now: number,
): string | undefined {
  if (!hasHosts) return undefined;
  if (!hasPassphrase) return 'no backups are made: there is no passphrase for them';
  if (failure !== undefined) return `the last backup failed: ${failure}`;
  if (newest === undefined) return 'there is no backup yet';
  const hours = Math.floor((now - newest) / HOUR);
  return hours >= alertAfter ? `the last good backup is ${hours} hours old` : undefined;
}
