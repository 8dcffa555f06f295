import { join } from 'node:path';
import type { Host } from '../api/host.ts';
import { readChanges } from './changes.ts';
import { readCpu } from './cpu.ts';
import { readDisks } from './disks.ts';
import { readNics } from './nics.ts';
import { parseOsRelease } from './os-release.ts';
import { readAttribute, readText } from './read.ts';
import { type HostLook, readVitals } from './vitals.ts';

/**
 * Reads the facts and current values of a machine. Nothing is cached: a disk that was just plugged in is included.
 * @param look `managementAddress`: the address that `detectManagementAddress` of apps/network has just returned
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
