import type { TimeState } from '../../services/time.ts';

/** Describes whether the clock is set, and by which server. */
export function describeTime({ synchronized, reference, offset }: TimeState): string {
  if (synchronized === null) return 'not known: chronyd does not answer';
  if (!synchronized) return 'The clock is not set: no server has answered yet.';
  return `The clock is set by ${reference}, and off by ${offsetText(Math.abs(offset))}.`;
}

/** Describes which servers the operator has configured. */
export function describeServers({ servers }: TimeState): string {
  if (servers === null) return 'those of DHCP, else pool.ntp.org';
  return servers.length === 0 ? 'only those of DHCP' : `${servers.join(', ')}, and those of DHCP`;
}

function offsetText(seconds: number): string {
  if (seconds < 0.001) return 'less than a millisecond';
  return seconds < 1 ? `${Math.round(seconds * 1000)} ms` : `${seconds.toFixed(1)} s`;
}
