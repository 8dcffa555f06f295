/** Seconds since the kernel started, from /proc/uptime (proc_uptime(5)); 0 if it does not say. */
export function parseUptime(text: string): number {
  const [, seconds] = /^(\d{1,12}(?:\.\d{1,3})?) /.exec(text) ?? [];
  return seconds === undefined ? 0 : Number(seconds);
}

/** Runnable processes on average over 1, 5 and 15 minutes, from /proc/loadavg (proc_loadavg(5)); 0 if it does not say. */
export function parseLoadAverage(text: string): [number, number, number] {
  const [, one, five, fifteen] =
    /^(\d{1,9}\.\d{1,3}) (\d{1,9}\.\d{1,3}) (\d{1,9}\.\d{1,3}) /.exec(text) ?? [];
  return [Number(one ?? 0), Number(five ?? 0), Number(fifteen ?? 0)];
}
