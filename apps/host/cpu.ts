import { access } from 'node:fs/promises';
import { join } from 'node:path';
import type { Host } from '../api/host.ts';
import { parseCpuInfo } from './cpuinfo.ts';
import { readNames, readNumber, readText } from './read.ts';

/** Location of a thread; `null` if the kernel does not report it, for example because it is offline. */
interface Place {
  socket: number | null;
  core: number | null;
}

/**
 * Reads the processors of a machine. Sockets and cores are read from /sys, because cpuinfo can be misleading. The
 * frequency is the maximum of the processor; if that is unknown, the current one.
 * @param root folder that contains proc, sys and dev
 */
export async function readCpu(root = '/'): Promise<Host['cpu']> {
  const info = parseCpuInfo(await readText(join(root, 'proc/cpuinfo')));
  const folder = join(root, 'sys/devices/system/cpu');
  const names = (await readNames(folder)).filter((name) => /^cpu\d+$/.test(name));
  const places = (await Promise.all(names.map((name) => readPlace(join(folder, name))))).filter(
    ({ core }) => core !== null,
  );
  const highest = await readNumber(join(folder, names[0] ?? 'cpu0', 'cpufreq/cpuinfo_max_freq'));
  const threads = info.threads || places.length;
  return {
    model: info.model ?? 'unknown',
    sockets: new Set(places.map(({ socket }) => socket)).size || 1,
    cores: new Set(places.map(({ socket, core }) => `${socket} ${core}`)).size || threads,
    threads,
    frequency: highest === null ? info.frequency : Math.round(highest / 1000),
    virtualization: info.canVirtualize && (await exists(join(root, 'dev/kvm'))),
  };
}

async function readPlace(folder: string): Promise<Place> {
  const [socket, core] = await Promise.all([
    readNumber(join(folder, 'topology/physical_package_id')),
    readNumber(join(folder, 'topology/core_id')),
  ]);
  return { socket, core };
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
