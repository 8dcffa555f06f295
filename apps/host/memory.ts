import type { Host } from '../api/host.ts';

/** Parses /proc/meminfo (proc_meminfo(5)), whose sizes are in KiB, into bytes; a missing value is 0. */
export function parseMemory(text: string): Host['memory'] {
  const value = (key: string): number => {
    const [, digits] = new RegExp(`^${key}: +(\\d{1,15})( kB)?$`, 'm').exec(text) ?? [];
    return Number(digits ?? 0);
  };
  return {
    total: value('MemTotal') * 1024,
    available: value('MemAvailable') * 1024,
    hugePages: value('HugePages_Total') * value('Hugepagesize') * 1024,
  };
}
