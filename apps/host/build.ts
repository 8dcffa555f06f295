import { join } from 'node:path';
import type { Build } from '../api/host.ts';
import { parseCpuFeatures } from './cpuinfo.ts';
import { readPciDevices } from './devices.ts';
import { readLinks } from './links.ts';
import { readNumaNodes } from './numa.ts';
import { readText } from './read.ts';

/**
 * Reads the facts about a machine that only a scheduler of guests needs. @param root folder that contains proc and sys
 */
export async function readBuild(root = '/'): Promise<Build> {
  const [info, numaNodes, pciDevices, links] = await Promise.all([
    readText(join(root, 'proc/cpuinfo')),
    readNumaNodes(root),
    readPciDevices(root),
    readLinks(root),
  ]);
  return { cpuFeatures: parseCpuFeatures(info), numaNodes, pciDevices, links };
}
