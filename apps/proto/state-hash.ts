import { createHash } from 'node:crypto';
import type { StoragePool, Volume } from './gen/quantix/v1/storage_pb.js';
import type { VirtualMachine } from './gen/quantix/v1/vm_pb.js';

/* The hash of a node's state, as position.proto defines it for both sides. */

/** The newest form of a line; see `StateHash.form`. */
const NEWEST = 1;

/** Returns the SHA-256 in lower case hex over virtual machines, independent of their order. */
export function hashVms(vms: Iterable<VirtualMachine>, form = NEWEST): string {
  return hashLines([...vms].map((vm) => [vm.id, formatVmLine(vm, form)]));
}

/** Returns the SHA-256 in lower case hex over storage pools, independent of their order. */
export function hashPools(pools: Iterable<StoragePool>, form = NEWEST): string {
  return hashLines([...pools].map((pool) => [pool.id, formatPoolLine(pool, form)]));
}

/** Returns `PoolUsage.volumes_sha256`: the hash over a pool's volumes, independent of their order. */
export function hashVolumes(volumes: Iterable<Volume>): string {
  return hashLines(
    [...volumes].map(({ name, format, capacityBytes }) => [
      name,
      line([name, format, capacityBytes]),
    ]),
  );
}

/** Formats the line of one virtual machine. */
export function formatVmLine(vm: VirtualMachine, form = NEWEST): string {
  return line([
    vm.id,
    vm.name,
    vm.powerState,
    vm.cpus,
    vm.memoryBytes,
    vm.persistent,
    vm.autostart,
    ...(form === 0 ? [] : [vm.managed, vm.definitionGeneration, vm.definitionSha256]),
  ]);
}

/** Formats the line of one storage pool. */
export function formatPoolLine(pool: StoragePool, form = NEWEST): string {
  return line([
    pool.id,
    pool.name,
    pool.type,
    pool.health,
    pool.mountPath,
    pool.source,
    pool.writable,
    ...(form === 0 ? [] : [pool.assignedId]),
  ]);
}

function line(fields: readonly (string | number | bigint | boolean)[]): string {
  return `${fields.map(netstring).join('')}\n`;
}

function netstring(field: string | number | bigint | boolean): string {
  const text = typeof field === 'boolean' ? String(Number(field)) : String(field);
  return `${Buffer.byteLength(text)}:${text},`;
}

function hashLines(lines: [id: string, line: string][]): string {
  const hash = createHash('sha256');
  const sorted = lines.toSorted(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  for (const [, text] of sorted) hash.update(text);
  return hash.digest('hex');
}
