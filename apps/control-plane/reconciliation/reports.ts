import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import {
  clone,
  type DescMessage,
  fromBinary,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { type HostInfo, HostInfoSchema } from '../../proto/gen/quantix/v1/host_pb.js';
import {
  PoolHealth,
  PoolType,
  type PoolUsage,
  type StoragePool,
  StoragePoolSchema,
} from '../../proto/gen/quantix/v1/storage_pb.js';
import {
  PowerState,
  type VirtualMachine,
  VirtualMachineSchema,
} from '../../proto/gen/quantix/v1/vm_pb.js';
import { hashPools, hashVms } from '../../proto/state-hash.ts';
import { replaceNul, toMessageJson } from '../database/text.ts';
import type { ReportedVm } from './reconcile.ts';
import type { ReportedPool, Sizes } from './reconcile-pools.ts';

/*
 * Reports of nodes in their stored form. Every field that is part of the hash of a node's state is stored as it was
 * sent; fields that change all the time are left out, so that a report without news equals the stored one.
 */

/** The newest form of StateHash that this control plane writes; it knows all forms from 0 to this one. */
export const NEWEST_FORM = 1;

/** Longest id that is used as a key unchanged; PostgreSQL limits the length of keys. */
const LONGEST_KEY = 255;

/** Returns the key of an object: its id, or a hash of it if the id cannot be a key. */
export function deriveKey(id: string): string {
  if (id !== '' && id.length <= LONGEST_KEY && !id.includes('\0')) return id;
  return `sha256:${createHash('sha256').update(id).digest('hex')}`;
}

/** Converts a report on a virtual machine; counters are left out. */
export function readVm(vm: VirtualMachine): ReportedVm {
  const kept = clone(VirtualMachineSchema, vm);
  kept.powerStateChanges = 0n;
  delete kept.powerStateChangedAt;
  const powerState = vm.powerState === PowerState.UNSPECIFIED ? undefined : vm.powerState;
  return {
    id: deriveKey(vm.id),
    name: vm.name,
    powerState: nameOf(PowerState, powerState),
    report: encode(VirtualMachineSchema, kept),
  };
}

/** Converts a report on a pool; its usage is left out and stored separately. */
export function readPool(pool: StoragePool): ReportedPool {
  const kept = clone(StoragePoolSchema, pool);
  delete kept.usage;
  return {
    id: deriveKey(pool.id),
    name: pool.name,
    poolType: nameOf(PoolType, pool.type === PoolType.UNSPECIFIED ? undefined : pool.type),
    health: nameOf(PoolHealth, pool.health === PoolHealth.UNSPECIFIED ? undefined : pool.health),
    mountPath: replaceNul(pool.mountPath),
    problem: replaceNul(pool.problem),
    assignedId: pool.assignedId,
    isShared: pool.type === PoolType.NFS,
    sizes: readSizes(pool.usage),
    report: encode(StoragePoolSchema, kept),
  };
}

/** Returns the sizes of a pool in bytes; null if unknown. */
export function readSizes(usage: PoolUsage | undefined): Sizes {
  if (usage === undefined || usage.totalBytes === 0n) {
    return { totalBytes: null, usedBytes: null, availableBytes: null };
  }
  return {
    totalBytes: toCount(usage.totalBytes),
    usedBytes: toCount(usage.usedBytes),
    availableBytes: toCount(usage.availableBytes),
  };
}

/** Hashes the stored reports on a node's virtual machines, once for each form. */
export function hashVmReports(reports: readonly Uint8Array[]): string[] {
  const vms = reports.map((report) => fromBinary(VirtualMachineSchema, report));
  return [0, NEWEST_FORM].map((form) => hashVms(vms, form));
}

/** Hashes the stored reports on a node's pools, once for each form. */
export function hashPoolReports(reports: readonly Uint8Array[]): string[] {
  const pools = reports.map((report) => fromBinary(StoragePoolSchema, report));
  return [0, NEWEST_FORM].map((form) => hashPools(pools, form));
}

/** Returns the hardware and software of a host, for `nodes.spec`. */
export function makeHostSpec(host: HostInfo): object {
  return { ...(toMessageJson(HostInfoSchema, host) as object) };
}

/** Returns the identity of a host's machine and boot as it is recorded; what the host does not report is empty. */
export function readHardware(host: HostInfo | undefined): {
  smbiosUuid: string;
  serial: string;
  bootId: string;
} {
  const { smbiosUuid = '', serial = '', bootId = '' } = host?.hardware ?? {};
  return {
    smbiosUuid: replaceNul(smbiosUuid),
    serial: replaceNul(serial),
    bootId: replaceNul(bootId),
  };
}

/** Returns an address that PostgreSQL accepts; null if it is not valid. */
export function readAddress(address: string): string | null {
  return isIP(address) !== 0 && !address.includes('%') ? address : null;
}

/** Returns a host name in the form that is recorded; undefined if it cannot be recorded. */
export function readHostname(hostname: string): string | undefined {
  const name = replaceNul(hostname);
  return name === '' || [...name].length > 255 ? undefined : name;
}

/** Encodes a message for storage, without fields that this program does not know. */
export function encode<D extends DescMessage>(schema: D, message: MessageShape<D>): Uint8Array {
  return toBinary(schema, message, { writeUnknownFields: false });
}

/** Converts a 64-bit number; null if it is too large to be exact. */
export function toCount(value: bigint): number | null {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : null;
}

/** Returns the name of an enum's value; UNKNOWN for a value that this program does not know. */
function nameOf<E extends Record<number, string>>(
  names: E,
  value: number | undefined,
): Exclude<keyof E & string, 'UNSPECIFIED'> | 'UNKNOWN' {
  const name = value === undefined ? undefined : names[value];
  return (name ?? 'UNKNOWN') as Exclude<keyof E & string, 'UNSPECIFIED'> | 'UNKNOWN';
}
