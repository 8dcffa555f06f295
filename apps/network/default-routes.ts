/** A default route, IPv4. */
export interface DefaultRoute {
  interface: string;
  /** The kernel prefers the lowest. */
  metric: number;
}

/** Flags of <linux/route.h>: usable; rejects what it is asked for. */
const UP = 0x1;
const REJECT = 0x200;

/**
 * Parses /proc/net/route (net/ipv4/fib_trie.c): a head, then columns `Iface Destination Gateway Flags RefCnt Use Metric
 * Mask …`, numbers in hexadecimal but the metric. Default routes only, the preferred one first.
 */
export function parseDefaultRoutes(text: string): DefaultRoute[] {
  const routes: DefaultRoute[] = [];
  for (const line of text.split('\n').slice(1)) {
    const [name, destination, , flags = '', , , metric = '', mask] = line.trim().split(/\s+/);
    if (!name || destination !== '00000000' || mask !== '00000000') continue;
    const bits = Number.parseInt(flags, 16);
    if (!/^\d{1,10}$/.test(metric) || (bits & UP) === 0 || (bits & REJECT) !== 0) continue;
    routes.push({ interface: name, metric: Number(metric) });
  }
  return routes.sort((a, b) => a.metric - b.metric);
}
