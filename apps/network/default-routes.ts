/** A default route. */
export interface DefaultRoute {
  interface: string;
  /** The kernel prefers the lowest metric. */
  metric: number;
}

/** Flags of <linux/route.h>: RTF_UP and RTF_REJECT. */
const UP = 0x1;
const REJECT = 0x200;

/**
 * Parses /proc/net/route (net/ipv4/fib_trie.c): a header line, then the columns `Iface Destination Gateway Flags RefCnt
 * Use Metric Mask …`; all numbers are hexadecimal except for the metric. Returns default routes only, the preferred one
 * first.
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

/**
 * Parses /proc/net/ipv6_route (net/ipv6/route.c): columns destination, its prefix, source, its prefix, next hop,
 * metric, two counters, flags, interface; all numbers are hexadecimal. Returns default routes only, the preferred one
 * first.
 */
export function parseDefaultRoutes6(text: string): DefaultRoute[] {
  const routes: DefaultRoute[] = [];
  for (const line of text.split('\n')) {
    const [destination, prefix, source, , , metric = '', , , flags = '', name] = line
      .trim()
      .split(/\s+/);
    if (!name || !/^0{32}$/.test(destination ?? '') || prefix !== '00') continue;
    if (!/^0{32}$/.test(source ?? '') || !/^[0-9a-f]{8}$/.test(metric)) continue;
    const bits = Number.parseInt(flags, 16);
    if ((bits & UP) === 0 || (bits & REJECT) !== 0) continue;
    routes.push({ interface: name, metric: Number.parseInt(metric, 16) });
  }
  return routes.sort((a, b) => a.metric - b.metric);
}
