import { join } from 'node:path';
import type { Host } from '../api/host.ts';
import { readChanges } from './changes.ts';
import { readCpu } from './cpu.ts';
import type { CpuMeter } from './cpu-usage.ts';
import { readDisks } from './disks.ts';
import { parseLoadAverage, parseUptime } from './load.ts';
import { parseMemory } from './memory.ts';
import { readNics } from './nics.ts';
import { parseOsRelease } from './os-release.ts';
import { readAttribute, readText } from './read.ts';

/** Values that change continually and are cheap to read. */
export type Vitals = Pick<Host, 'uptime' | 'memory' | 'load' | 'cpuUsage'>;

/** What is read. */
export interface HostLook {
  /** Folder that contains proc, sys, dev and etc; `/` if absent. */
  root?: string;
  /** Kept by the caller between calls; each caller has its own. */
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

/**
 * Reads the facts and current values of a machine. Nothing is cached: a disk that was just plugged in is included.
 * @param look `managementAddress` is what apps/network has just detected
 */
export async function readHost({
  root = '/',
  meter,
  managementAddress,
}: HostLook & { managementAddress: string | null }): Promise<Host> {
  const [vitals, release, hostname, cpu, disks, nics, changes] = await Promise.all([
    readVitals({ root, meter }),
    readText(join(root, 'etc/os-release')),
    readAttribute(join(root, 'proc/sys/kernel/hostname')),
    readCpu(root),
    readDisks(root),
    readNics(root),
    readChanges(root),
  ]);
  const about = parseOsRelease(release);
  return {
    product: about.get('NAME') ?? 'Linux',
    version: about.get('VERSION_ID') ?? '',
    base: about.get('QUANTIX_BASE') ?? '',
    hostname: hostname ?? '',
    managementAddress,
    cpu,
    changes,
    disks,
    nics,
    ...vitals,
  };
}
