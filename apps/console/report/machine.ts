import type { Host } from '../../api/host.ts';
import { isNearlyFull } from '../../host/changes.ts';
import { formatBytes, formatCount, formatDuration, formatPercent } from '../../text/amount.ts';
import { createRows, type Row } from './row.ts';

/** Describes processors, memory and their usage. */
export function describeMachine(host: Host): Row[] {
  const { cpu, memory, load } = host;
  const used = memory.total - memory.available;
  const parts = [formatCount(cpu.sockets, 'socket'), formatCount(cpu.cores, 'core')];
  return [
    ...createRows('Processor', [cpu.model]),
    ...createRows('', [
      `${parts.join(', ')}, ${formatCount(cpu.threads, 'thread')}${virtualization(host)}`,
    ]),
    ...createRows('CPU used', [
      `${formatPercent(host.cpuUsage)}   load ${load.map((one) => one.toFixed(2)).join(' ')}`,
    ]),
    ...createRows('Memory', [
      `${formatBytes(used)} of ${formatBytes(memory.total)} used (${formatPercent(used / memory.total)})`,
    ]),
    ...changesRows(host),
    ...createRows('Up for', [formatDuration(host.uptime)]),
  ];
}

/** Returns a warning if the memory for changes below `/` is nearly full; empty otherwise. */
function changesRows({ changes }: Host): Row[] {
  if (changes === null || !isNearlyFull(changes)) return [];
  const share = formatPercent(changes.used / changes.total);
  return createRows('Written below /', [
    `memory for it nearly full: ${formatBytes(changes.used)} of ${formatBytes(changes.total)} used (${share})`,
  ]);
}

function virtualization({ product, cpu }: Host): string {
  if (!product.startsWith('Quantix-OS')) return '';
  return cpu.virtualization ? ', runs VMs' : ', cannot run VMs (no /dev/kvm)';
}
