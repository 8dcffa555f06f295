import { createHash } from 'node:crypto';
import type { StoragePool } from '../../../proto/gen/quantix/v1/storage_pb.js';
import type { VirtualMachine } from '../../../proto/gen/quantix/v1/vm_pb.js';

/*
 * The hash of a node's state, exactly as position.proto defines it for both sides.
 */

/** SHA-256 in lower case hex over the virtual machines, in whatever order they come. */
export function hashVms(vms: Iterable<VirtualMachine>): string {
  return hashLines([...vms].map((vm) => [vm.id, vmLine(vm)]));
}

/** SHA-256 in lower case hex over the storage pools, in whatever order they come. */
export function hashPools(pools: Iterable<StoragePool>): string {
  return hashLines([...pools].map((pool) => [pool.id, poolLine(pool)]));
}

/** The line of one virtual machine. */
export function vmLine(vm: VirtualMachine): string {
  return line([
    vm.id,
    vm.name,
    vm.powerState,
    vm.cpus,
    vm.memoryBytes,
    vm.persistent,
    vm.autostart,
  ]);
}

/** The line of one storage pool. */
export function poolLine(pool: StoragePool): string {
  return line([
    pool.id,
    pool.name,
    pool.type,
    pool.health,
    pool.mountPath,
    pool.source,
    pool.writable,
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
