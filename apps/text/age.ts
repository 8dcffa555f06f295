import { formatDuration } from './amount.ts';

const DAY = 24 * 60 * 60;

/** Describes how long ago a time was. Both times are in milliseconds since 1970; a time in the future counts as now. */
export function formatAge(then: number, now: number): string {
  const seconds = Math.max(Math.round((now - then) / 1000), 0);
  return seconds < 60 ? `${seconds} s ago` : `${formatDuration(seconds)} ago`;
}

/** Describes a time in this machine's time zone, and how long ago it was: `14:02 (5 minutes ago)`. */
export function formatMoment(then: number, now: number): string {
  return `${formatClock(then, now)} (${formatAge(then, now)})`;
}

/**
 * Formats a time in this machine's time zone; with its date if it is at least half a day before or after now. Both
 * times are in milliseconds since 1970.
 */
export function formatClock(then: number, now: number): string {
  const two = (value: number) => String(value).padStart(2, '0');
  const date = new Date(then);
  const time = `${two(date.getHours())}:${two(date.getMinutes())}`;
  if (Math.abs(now - then) < (DAY / 2) * 1000) return time;
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${time}`;
}

/** Formats a time in UTC to the minute: `2026-11-28 02:30 UTC`. @param iso in the form of `Date.toISOString()` */
export function formatUtcMinute(iso: string): string {
  return `${iso.slice(0, 16).replace('T', ' ')} UTC`;
}
