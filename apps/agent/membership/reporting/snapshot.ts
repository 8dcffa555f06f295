import { create } from '@bufbuild/protobuf';
import type { Pool } from '../../../api/storage.ts';
import type { Vms } from '../../../api/vms.ts';
import { messageOf } from '../../../error.ts';
import type { Definition } from '../../../libvirt/definitions.ts';
import {
  type AssignedPoolResult,
  AssignedPoolResultSchema,
} from '../../../proto/gen/quantix/v1/storage_pb.js';
import type { Hypervisor } from '../../../proto/gen/quantix/v1/vm_pb.js';
import { runOneAtATime } from '../../../watch/one-at-a-time.ts';
import type { AssignedFact } from '../facts.ts';
import type { MembershipOptions } from '../options.ts';
import { type Inventory, mapById } from './inventory.ts';
import { makePoolMessage } from './pool-message.ts';
import { makeHypervisorMessage, VmMessages } from './vm-message.ts';
import { knowsVolumes } from './volumes.ts';

export interface Snapshot extends Inventory {
  readonly hypervisor: Hypervisor;
  /** Pools whose volumes are known. */
  readonly listed: readonly Pool[];
  readonly assigned: readonly AssignedPoolResult[];
}

/** Dependencies of a snapshot. */
export type SnapshotOptions = Pick<MembershipOptions, 'facts' | 'log' | 'clock'>;

/** Takes a snapshot of the host. Objects that cannot be read are unknown, which is different from absent. */
export async function takeSnapshot(
  { facts, log, clock }: SnapshotOptions,
  messages: VmMessages,
): Promise<Snapshot> {
  const [vms, pools, assigned = []] = await Promise.all([
    facts.vms().catch((error: unknown): Vms => {
      log(`virtual machines cannot be listed: ${messageOf(error)}`);
      return { libvirt: { available: false, problem: messageOf(error) }, vms: [] };
    }),
    facts.pools().catch((error: unknown): undefined => {
      log(`storage pools cannot be listed: ${messageOf(error)}`);
    }),
    facts.assignedPools?.(),
  ]);
  const about = {
    definitions: (await facts.definitions?.(vms.vms)) ?? new Map<string, Definition>(),
    poolOf: (source: string) => poolOf(pools ?? [], source),
  };
  return {
    hypervisor: makeHypervisorMessage(vms),
    vms: vms.libvirt.available ? mapById(messages.of(vms.vms, clock.now(), about)) : undefined,
    pools:
      pools === undefined
        ? undefined
        : mapById(pools.map((pool: Pool) => makePoolMessage(pool, assignedIdOf(pool, assigned)))),
    listed: pools?.filter(knowsVolumes) ?? [],
    assigned: assigned.map(({ id, name, problem }) =>
      create(AssignedPoolResultSchema, {
        id,
        problem: problem ?? '',
        poolId: problem === null ? (pools?.find((pool) => pool.name === name)?.id ?? '') : '',
      }),
    ),
  };
}

function assignedIdOf(pool: Pool, assigned: readonly AssignedFact[]): string {
  return assigned.find(({ name }) => name === pool.name)?.id ?? '';
}

/** Returns the id of the innermost pool that contains a file or device: pools may contain each other. */
function poolOf(pools: readonly Pool[], source: string): string {
  const places = pools.flatMap(({ id, kind, path, source: group }) => {
    const place = kind === 'lvm' ? `/dev/${group}` : path;
    return place !== null && source.startsWith(`${place}/`) ? [{ id, place }] : [];
  });
  return places.toSorted((a, b) => b.place.length - a.place.length)[0]?.id ?? '';
}

/** Takes snapshots of the host, one after another, so that an older one never replaces a newer one. */
export class Snapshots {
  /** Takes a snapshot that begins after this call; concurrent callers share one. */
  readonly take: () => Promise<Snapshot>;
  #latest: Snapshot | undefined;

  constructor(options: SnapshotOptions) {
    const messages = new VmMessages();
    this.take = runOneAtATime(async () => {
      this.#latest = await takeSnapshot(options, messages);
      return this.#latest;
    });
  }

  /** The last snapshot, if there is one. */
  get latest(): Snapshot | undefined {
    return this.#latest;
  }
}
