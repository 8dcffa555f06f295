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
import { messageJson, withoutNul } from '../database/text.ts';
import type { ReportedVm } from './reconcile.ts';
import type { ReportedPool, Sizes } from './reconcile-pools.ts';

/*
 * What nodes send, as it is kept. Everything that goes into the hash of a node's state stays as it was sent; what changes all
 * the time is left out, so that a report that says nothing new is equal to the kept one.
 */

/** The newest form of StateHash that this control plane writes; it knows those from 0 on. */
export const NEWEST_FORM = 1;

/** Longest id that is a key as it is; PostgreSQL has limits for keys. */
const LONGEST_KEY = 255;

/** What an object is kept under: its id, unless that cannot be a key. */
export function keyOf(id: string): string {
  if (id !== '' && id.length <= LONGEST_KEY && !id.includes('\0')) return id;
  return `sha256:${createHash('sha256').update(id).digest('hex')}`;
}

/** A virtual machine's report, without counters. */
export function readVm(vm: VirtualMachine): ReportedVm {
  const kept = clone(VirtualMachineSchema, vm);
  kept.powerStateChanges = 0n;
  delete kept.powerStateChangedAt;
  const powerState = vm.powerState === PowerState.UNSPECIFIED ? undefined : vm.powerState;
  return {
    id: keyOf(vm.id),
    name: vm.name,
    powerState: nameOf(PowerState, powerState),
    report: encode(VirtualMachineSchema, kept),
  };
}

/** A pool's report, without how full it is; that is kept beside it. */
export function readPool(pool: StoragePool): ReportedPool {
  const kept = clone(StoragePoolSchema, pool);
  delete kept.usage;
  return {
    id: keyOf(pool.id),
    name: pool.name,
    poolType: nameOf(PoolType, pool.type === PoolType.UNSPECIFIED ? undefined : pool.type),
    health: nameOf(PoolHealth, pool.health === PoolHealth.UNSPECIFIED ? undefined : pool.health),
    mountPath: withoutNul(pool.mountPath),
    problem: withoutNul(pool.problem),
    assignedId: pool.assignedId,
    isShared: pool.type === PoolType.NFS,
    sizes: sizesOf(pool.usage),
    report: encode(StoragePoolSchema, kept),
  };
}

/** Sizes of a pool in bytes; null where they are not known. */
export function sizesOf(usage: PoolUsage | undefined): Sizes {
  if (usage === undefined || usage.totalBytes === 0n) {
    return { totalBytes: null, usedBytes: null, availableBytes: null };
  }
  return {
    totalBytes: countable(usage.totalBytes),
    usedBytes: countable(usage.usedBytes),
    availableBytes: countable(usage.availableBytes),
  };
}

/** Hashes over what is kept of a node's virtual machines, one for each form. */
export function hashVmReports(reports: readonly Uint8Array[]): string[] {
  const vms = reports.map((report) => fromBinary(VirtualMachineSchema, report));
  return [0, NEWEST_FORM].map((form) => hashVms(vms, form));
}

/** The same of its pools. */
export function hashPoolReports(reports: readonly Uint8Array[]): string[] {
  const pools = reports.map((report) => fromBinary(StoragePoolSchema, report));
  return [0, NEWEST_FORM].map((form) => hashPools(pools, form));
}

/** What a host is made of, as `nodes.spec` has it. */
export function hostSpec(host: HostInfo): object {
  return { ...(messageJson(HostInfoSchema, host) as object) };
}

/** An address as PostgreSQL takes it; null if it is none. */
export function readAddress(address: string): string | null {
  return isIP(address) !== 0 && !address.includes('%') ? address : null;
}

/** A host name as it is recorded; undefined if it cannot be. */
export function readHostname(hostname: string): string | undefined {
  const name = withoutNul(hostname);
  return name === '' || [...name].length > 255 ? undefined : name;
}

export function encode<D extends DescMessage>(schema: D, message: MessageShape<D>): Uint8Array {
  return toBinary(schema, message, { writeUnknownFields: false });
}

/** 64-bit numbers beyond what can be told apart are not known. */
export function countable(value: bigint): number | null {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : null;
}

/** The name of an enum's value; UNKNOWN for what this program does not know. */
function nameOf<E extends Record<number, string>>(
  names: E,
  value: number | undefined,
): Exclude<keyof E & string, 'UNSPECIFIED'> | 'UNKNOWN' {
  const name = value === undefined ? undefined : names[value];
  return (name ?? 'UNKNOWN') as Exclude<keyof E & string, 'UNSPECIFIED'> | 'UNKNOWN';
}
