import type { Health } from '../../api/health.ts';
import type { Host } from '../../api/host.ts';
import type { Interface, Network } from '../../api/network.ts';
import type { Pool } from '../../api/storage.ts';
import type { Vm, Vms } from '../../api/vms.ts';
import { formatBytes, formatDuration, formatPercent } from '../../text/amount.ts';
import { makePrintable } from '../../text/printable.ts';
import { describeMaintenance } from './maintenance.ts';
import type { Answer, Status } from './status.ts';

/**
 * Describes the agent's answers for people, in lines. Control characters are replaced by question marks, so that names
 * cannot control a terminal.
 */
export function describe(status: Status): string {
  const lines = [
    ...describeHealth(status.health),
    ...section('Host', status.host, describeHost),
    ...section('Network', status.network, describeNetwork),
    ...section('Virtual machines', status.vms, describeVms),
    ...section('Storage pools', status.pools, describePools),
  ];
  return `${lines.map(makePrintable).join('\n')}\n`;
}

function describeHealth(health: Health): string[] {
  const { version, managementAddress, controlPlane, dataDisk, maintenance, problems, ok } = health;
  const { runs = null, takenBack = null } = health.deployment ?? {};
  const { state, address, problem } = controlPlane;
  const where = address === null ? '' : ` ${address}`;
  return [
    `Agent           qx-node ${version}, ${ok ? 'well' : 'with problems:'}`,
    ...problems.map((one) => `  ! ${one}`),
    ...(runs === null
      ? []
      : [`                deployed, not the image's own; for details: qx-node version`]),
    ...(takenBack === null
      ? []
      : [`                ${takenBack.version} was taken back: ${takenBack.reason}`]),
    `Management      ${managementAddress ?? 'no address'}`,
    `Data disk       ${dataDisk.persistent ? 'in use' : `virtual machines are lost at a restart: ${dataDisk.problem}`}`,
    ...(maintenance.on ? [`Maintenance     ${describeMaintenance(maintenance)}`] : []),
    `Control plane   ${state}${where}${problem === null ? '' : `: ${problem}`}`,
  ];
}

function section<Value>(
  title: string,
  answer: Answer<Value>,
  lines: (value: Value) => string[],
): string[] {
  const body = 'problem' in answer ? [`not known: ${answer.problem}`] : lines(answer.value);
  return [title, ...body.map((line) => `  ${line}`)];
}

function describeHost(host: Host): string[] {
  const { product, version, hostname, uptime, cpu, memory, load, cpuUsage, disks, nics } = host;
  const { sockets, cores, threads, virtualization } = cpu;
  return [
    `${product} ${version} on ${hostname}, up ${formatDuration(uptime)}`,
    `${cpu.model}: ${sockets} sockets, ${cores} cores, ${threads} threads, ${virtualization ? 'KVM' : 'no KVM'}`,
    `${formatPercent(cpuUsage)} busy, load ${load.map((one) => one.toFixed(2)).join(' ')}`,
    `${formatBytes(memory.available)} of ${formatBytes(memory.total)} memory available`,
    ...disks.map(
      (disk) => `${disk.path} ${disk.kind}, ${formatBytes(disk.size)}, ${disk.model ?? '?'}`,
    ),
    ...nics.map((nic) => `${nic.name} ${nic.mac}, ${nic.driver ?? '?'}, ${speed(nic.speed)}`),
  ];
}

function describeNetwork({ interfaces, problems }: Network): string[] {
  const lines = interfaces.length === 0 ? ['no interfaces'] : interfaces.map(describeInterface);
  return [...lines, ...problems.map((one) => `! ${one}`)];
}

function describeInterface(one: Interface): string {
  const addresses = one.addresses.map(({ address, prefix }) => `${address}/${prefix}`).join(' ');
  const gateway = one.gateway === null ? '' : `, gateway ${one.gateway}`;
  const carrier = one.carrier ? '' : ', no carrier';
  const problem = one.problem === null ? '' : `: ${one.problem}`;
  const method = one.method ?? 'not configured';
  return `${one.name} ${method} ${addresses || 'no address'}${gateway}${carrier}${problem}`;
}

function describeVms({ libvirt, vms }: Vms): string[] {
  if (!libvirt.available) return [libvirt.problem];
  return vms.length === 0 ? ['none'] : vms.map(describeVm);
}

function describeVm({ id, name, state, cpus, memory, autostart, persistent }: Vm): string {
  const traits = [
    `${cpus} CPUs`,
    formatBytes(memory),
    ...(autostart ? ['started at boot'] : []),
    ...(persistent ? [] : ['not kept']),
  ];
  return `${id} ${state} ${name} (${traits.join(', ')})`;
}

function describePools(pools: readonly Pool[]): string[] {
  return pools.length === 0 ? ['none'] : pools.map(describePool);
}

/** Describes a pool in one line. */
export function describePool(pool: Pool): string {
  const { name, kind, path, source, health, problem, seen, available, total, volumes } = pool;
  const room = total === 0 ? '' : `, ${formatBytes(available)} of ${formatBytes(total)} free`;
  const why = problem === null ? '' : `: ${problem}`;
  const when = seen === 'now' ? '' : ` (seen ${seen})`;
  return `${name} ${kind} ${path ?? source}${room}, ${volumes.length} volumes, ${health}${why}${when}`;
}

function speed(megabits: number | null): string {
  return megabits === null ? 'no speed' : `${megabits} Mbit/s`;
}
