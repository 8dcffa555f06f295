import type { Host } from '../../api/host.ts';
import type { Pool } from '../../api/storage.ts';
import { type Vms, vmStateSchema } from '../../api/vms.ts';
import type { Metric, Sample } from '../../http/exposition.ts';
import type { ControlPlaneState } from './parts.ts';

/** Facts from which the metrics are made. */
export interface MetricFacts {
  version: string;
  host: Host;
  vms: Vms;
  pools: readonly Pool[];
  controlPlane: ControlPlaneState;
  /** The agent itself: memory in bytes, and processor time in seconds. */
  process: { residentMemory: number; cpuTime: number };
}

/** Returns the metrics of the host, its machines and pools, and of the agent. */
export function collectMetrics(facts: MetricFacts): Metric[] {
  return [
    ...hostMetrics(facts),
    ...vmMetrics(facts.vms),
    ...poolMetrics(facts.pools),
    ...ownMetrics(facts),
  ];
}

function hostMetrics({ host, version }: MetricFacts): Metric[] {
  const { cpu, memory, load, product } = host;
  const about = { version, product, product_version: host.version, hostname: host.hostname };
  return [
    gauge('quantix_node_info', 'Agent and product.', { labels: about, value: 1 }),
    gauge('quantix_uptime_seconds', 'Time since the kernel started.', { value: host.uptime }),
    gauge('quantix_cpu_threads', 'Threads of all processors.', { value: cpu.threads }),
    gauge('quantix_cpu_usage_ratio', 'Share of all processors in use.', { value: host.cpuUsage }),
    gauge('quantix_load1', 'Load average of 1 minute.', { value: load[0] }),
    gauge('quantix_load5', 'Load average of 5 minutes.', { value: load[1] }),
    gauge('quantix_load15', 'Load average of 15 minutes.', { value: load[2] }),
    gauge('quantix_memory_total_bytes', 'Memory.', { value: memory.total }),
    gauge('quantix_memory_available_bytes', 'Memory that programs can still get.', {
      value: memory.available,
    }),
  ];
}

function vmMetrics({ libvirt, vms }: Vms): Metric[] {
  const inState = vmStateSchema.options.map((state) => ({
    labels: { state },
    value: vms.filter((vm) => vm.state === state).length,
  }));
  const each = vms.map(({ id, name, state, cpus, memory }) => ({
    labels: { id, name },
    running: { labels: { id, name }, value: Number(state === 'running' || state === 'blocked') },
    cpus: { labels: { id, name }, value: cpus },
    memory: { labels: { id, name }, value: memory },
  }));
  return [
    gauge('quantix_libvirt_up', '1 if libvirt answers.', { value: Number(libvirt.available) }),
    gauge('quantix_vms', 'Virtual machines in a state.', ...(libvirt.available ? inState : [])),
    gauge('quantix_vm_running', '1 if it runs.', ...each.map(({ running }) => running)),
    gauge('quantix_vm_cpus', 'Virtual processors.', ...each.map((vm) => vm.cpus)),
    gauge('quantix_vm_memory_bytes', 'Memory at most.', ...each.map((vm) => vm.memory)),
  ];
}

function poolMetrics(pools: readonly Pool[]): Metric[] {
  const of = (value: (pool: Pool) => number) =>
    pools.map((pool) => ({
      labels: { id: pool.id, name: pool.name, kind: pool.kind },
      value: value(pool),
    }));
  return [
    gauge(
      'quantix_storage_pool_healthy',
      '1 if it is mounted, answers and has room.',
      ...of(({ health }) => Number(health === 'healthy')),
    ),
    gauge('quantix_storage_pool_total_bytes', 'Size.', ...of(({ total }) => total)),
    gauge('quantix_storage_pool_used_bytes', 'In use.', ...of(({ used }) => used)),
    gauge('quantix_storage_pool_available_bytes', 'Free.', ...of(({ available }) => available)),
  ];
}

function ownMetrics({ controlPlane, process }: MetricFacts): Metric[] {
  return [
    gauge('quantix_control_plane_connected', '1 if the control plane answers.', {
      value: Number(controlPlane.state === 'connected'),
    }),
    gauge('process_resident_memory_bytes', 'Resident memory of the agent.', {
      value: process.residentMemory,
    }),
    {
      name: 'process_cpu_seconds_total',
      help: 'Processor time of the agent.',
      type: 'counter',
      samples: [{ value: process.cpuTime }],
    },
  ];
}

function gauge(name: string, help: string, ...samples: readonly Sample[]): Metric {
  return { name, help, type: 'gauge', samples };
}
