import { join } from 'node:path';
import type { Build } from '../api/host.ts';
import { parseCpuFeatures } from './cpuinfo.ts';
import { readPciDevices } from './devices.ts';
import { readLinks } from './links.ts';
import { readNumaNodes } from './numa.ts';
import { readText } from './read.ts';

/** What only a scheduler of guests needs to know of a machine, read anew. @param root folder in which proc and sys are */
export async function readBuild(root = '/'): Promise<Build> {
  const [info, numaNodes, pciDevices, links] = await Promise.all([
    readText(join(root, 'proc/cpuinfo')),
    readNumaNodes(root),
    readPciDevices(root),
    readLinks(root),
  ]);
  return { cpuFeatures: parseCpuFeatures(info), numaNodes, pciDevices, links };
}
