import { join } from 'node:path';
import type { Build, NumaNode } from '../api/host.ts';
import { parseCpuFeatures } from './cpuinfo.ts';
import { readPciDevices } from './devices.ts';
import { readLinks } from './links.ts';
import { readAttribute, readNames, readText } from './read.ts';

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

/**
 * Reads the NUMA nodes of a machine, by number; none if the kernel reports none. @param root folder that contains sys
 */
export async function readNumaNodes(root = '/'): Promise<NumaNode[]> {
  const folder = join(root, 'sys/devices/system/node');
  const names = (await readNames(folder)).filter((name) => /^node\d{1,5}$/.test(name));
  const nodes = await Promise.all(
    names.map(async (name) => {
      const memory = await readText(join(folder, name, 'meminfo'));
      const [, kibibytes = '0'] = /^Node \d+ MemTotal: +(\d{1,15}) kB$/m.exec(memory) ?? [];
      return {
        number: Number(name.slice('node'.length)),
        cpus: (await readAttribute(join(folder, name, 'cpulist'))) ?? '',
        memory: Number(kibibytes) * 1024,
      };
    }),
  );
  return nodes.toSorted((a, b) => a.number - b.number);
}
