import { join } from 'node:path';
import type { Host } from '../api/host.ts';
import type { CpuMeter } from './cpu-usage.ts';
import { readText } from './read.ts';

/** Values that change continually and are cheap to read. */
type Vitals = Pick<Host, 'uptime' | 'memory' | 'load' | 'cpuUsage'>;

/** Where the values of a machine are read, and the meter of its processors. */
export interface HostLook {
  /** Folder that contains proc, sys, dev and etc; `/` if absent. */
  root?: string;
  /** The caller uses the same meter for all its calls, and shares it with no other caller. */
  meter: CpuMeter;
}

/** Reads the current values of a machine. */
export async function readVitals({ root = '/', meter }: HostLook): Promise<Vitals> {
  const [uptime, load, memory, cpuUsage] = await Promise.all([
    readText(join(root, 'proc/uptime')),
    readText(join(root, 'proc/loadavg')),
    readText(join(root, 'proc/meminfo')),
    meter.look(),
  ]);
  return {
    uptime: parseUptime(uptime),
    load: parseLoadAverage(load),
    memory: parseMemory(memory),
    cpuUsage,
  };
}

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
