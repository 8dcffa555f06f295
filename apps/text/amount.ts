const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** Formats a number of bytes in the largest unit in which it is at least 1: `3.2 GiB`. */
export function formatBytes(amount: number): string {
  let value = Math.max(amount, 0);
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

/** Formats a share from 0 to 1 as a percentage. */
export function formatPercent(share: number): string {
  return `${Math.round(Math.min(Math.max(share, 0), 1) * 100)} %`;
}

/** Formats a number with its noun: `1 disk`, `2 disks`. */
export function formatCount(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

/** Formats a duration given in seconds: `2 days 3 hours`, `2 hours 5 minutes`, or `5 minutes`. */
export function formatDuration(seconds: number): string {
  const minutes = Math.floor(Math.max(seconds, 0) / 60);
  const [days, hours] = [Math.floor(minutes / 1440), Math.floor(minutes / 60) % 24];
  if (days > 0) return `${formatCount(days, 'day')} ${formatCount(hours, 'hour')}`;
  if (hours > 0) return `${formatCount(hours, 'hour')} ${formatCount(minutes % 60, 'minute')}`;
  return formatCount(minutes, 'minute');
}
