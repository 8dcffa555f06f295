import type { Host } from '../../api/host.ts';
import { isNearlyFull } from '../../host/changes.ts';
import { bytes, count, duration, percent } from '../../text/amount.ts';
import { type Row, rows } from './row.ts';

/** Describes processors, memory and their usage. */
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
    ...changesRows(host),
    ...rows('Up for', [duration(host.uptime)]),
  ];
}

/** Warns before the memory is full that holds changes below `/`; empty otherwise. */
function changesRows({ changes }: Host): Row[] {
  if (changes === null || !isNearlyFull(changes)) return [];
  const share = percent(changes.used / changes.total);
  return rows('Written below /', [
    `memory for it nearly full: ${bytes(changes.used)} of ${bytes(changes.total)} used (${share})`,
  ]);
}

function virtualization({ product, cpu }: Host): string {
  if (!product.startsWith('Quantix-OS')) return '';
  return cpu.virtualization ? ', runs VMs' : ', cannot run VMs (no /dev/kvm)';
}
