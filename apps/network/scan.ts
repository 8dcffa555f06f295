import { type QxNetworkOptions, runQxNetwork } from './qx-network.ts';

/** Milliseconds that a scan of all channels may take. */
const PATIENCE = 30_000;

/** A WiFi network in range. */
export interface HeardNetwork {
  ssid: string;
  /** Signal strength in dBm: -30 is strong, -90 is weak. */
  signal: number;
  /** `open`, `WPA2`, `WPA2/WPA3`, … */
  security: string;
}

/**
 * Parses the output of `qx-network wifi INTERFACE`: signal, security and name, separated by tabs. Of several access
 * points with the same name, the strongest counts; other lines are left out.
 */
export function parseScan(text: string): HeardNetwork[] {
  const found = new Map<string, HeardNetwork>();
  for (const line of text.split('\n')) {
    const [, signal, security = '', ssid = ''] =
      /^(-?\d{1,3})\t([^\t]{1,32})\t([^\t]+)$/.exec(line) ?? [];
    if (signal === undefined) continue;
    const known = found.get(ssid);
    if (known === undefined || known.signal < Number(signal)) {
      found.set(ssid, { ssid, security, signal: Number(signal) });
    }
  }
  return [...found.values()].sort((a, b) => b.signal - a.signal);
}

/** Scans for WiFi networks, the strongest first. @throws NetworkError if it is not a WiFi interface */
export async function scanWifi(name: string, options: QxNetworkOptions = {}) {
  const { stdout } = await runQxNetwork(['wifi', name], { ...options, timeout: PATIENCE });
  return parseScan(stdout);
}
