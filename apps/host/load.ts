/** Parses the seconds since the kernel started in /proc/uptime (proc_uptime(5)); returns 0 if they are missing. */
export function parseUptime(text: string): number {
  const [, seconds] = /^(\d{1,12}(?:\.\d{1,3})?) /.exec(text) ?? [];
  return seconds === undefined ? 0 : Number(seconds);
}

/**
 * Parses the average number of runnable processes over 1, 5 and 15 minutes in /proc/loadavg (proc_loadavg(5)); returns
 * 0 for each if they are missing.
 */
export function parseLoadAverage(text: string): [number, number, number] {
  const [, one, five, fifteen] =
    /^(\d{1,9}\.\d{1,3}) (\d{1,9}\.\d{1,3}) (\d{1,9}\.\d{1,3}) /.exec(text) ?? [];
  return [Number(one ?? 0), Number(five ?? 0), Number(fifteen ?? 0)];
}
