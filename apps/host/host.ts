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

/** What changes from look to look, and costs little to ask. */
export type Vitals = Pick<Host, 'uptime' | 'memory' | 'load' | 'cpuUsage'>;

/** What is looked at. */
export interface HostLook {
  /** Folder in which proc, sys, dev and etc are; `/` if absent. */
  root?: string;
  /** Kept by the caller from look to look, one for each who asks. */
  meter: CpuMeter;
}

/** How a machine fares at the moment. */
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
 * What a machine is made of, and how it fares. Nothing is remembered: a disk that was plugged in is there.
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
