import type { Host } from '../../api/host.ts';
import { bytes, count, duration, percent } from './amount.ts';
import { type Row, rows } from './row.ts';

/** Processors, memory and how they are used. */
export function machineRows(host: Host): Row[] {
  const { cpu, memory, load } = host;
  const used = memory.total - memory.available;
  const parts = [count(cpu.sockets, 'socket'), count(cpu.cores, 'core')];
  return [
    ...rows('Processor', [cpu.model]),
    ...rows('', [`${parts.join(', ')}, ${count(cpu.threads, 'thread')}${virtualization(host)}`]),
    ...rows('CPU used', [
      `${percent(host.cpuUsage)}   load ${load.map((one) => one.toFixed(2)).join(' ')}`,
    ]),
    ...rows('Memory', [
      `${bytes(used)} of ${bytes(memory.total)} used (${percent(used / memory.total)})`,
    ]),
    ...rows('Up for', [duration(host.uptime)]),
  ];
}

function virtualization({ product, cpu }: Host): string {
  if (!product.startsWith('Quantix-OS')) return '';
  return cpu.virtualization ? ', runs VMs' : ', cannot run VMs (no /dev/kvm)';
}
