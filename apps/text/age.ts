import { duration } from './amount.ts';

const DAY = 24 * 60 * 60;

/** How long ago something was; a clock that was set back meanwhile makes no future of it. Times in milliseconds since 1970. */
export function ago(then: number, now: number): string {
  const seconds = Math.max(Math.round((now - then) / 1000), 0);
  return seconds < 60 ? `${seconds} s ago` : `${duration(seconds)} ago`;
}

/** When something was, by the clock of this machine, and how long ago: `14:02 (5 minutes ago)`. Before today with its date. */
export function moment(then: number, now: number): string {
  return `${clock(then, now)} (${ago(then, now)})`;
}

/** The time of something by the clock of this machine; with its date where that is more than half a day away. */
export function clock(then: number, now: number): string {
  const two = (value: number) => String(value).padStart(2, '0');
  const date = new Date(then);
  const time = `${two(date.getHours())}:${two(date.getMinutes())}`;
  if (Math.abs(now - then) < (DAY / 2) * 1000) return time;
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${time}`;
}
