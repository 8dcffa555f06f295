import { access } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import type { Pool } from '../../api/storage.ts';
import {
  beginMaintenance,
  endMaintenance,
  LONGEST_REASON,
  readMaintenance,
} from '../../guests/maintenance.ts';
import { readDiskSources } from '../../libvirt/disk-sources.ts';
import { VolumeFormat } from '../../proto/gen/quantix/v1/vm_spec_pb.js';
import { Commander, type Executor } from './commander.ts';
import type { Placement } from './domain-xml.ts';
import { Journal } from './journal.ts';
import { KeptSpecs } from './kept-specs.ts';
import { makeNetworkVerb, type NetworkDeps } from './network-verb.ts';
import { makePoolVerbs, type PoolDeps } from './pool-verbs.ts';
import { type UpdateDeps, updateVerb } from './update-verb.ts';
import { type CheckedSpec, check } from './vm-spec.ts';
import { makeVmVerbs } from './vm-verbs.ts';
import { makeVolumeVerbs, placeVolume } from './volume-verbs.ts';

export interface HostCommandsOptions {
  /** Folder of the journal, specifications and other state: `/quantix/node`. */
  readonly folder: string;
  /** Connection URI of libvirt. */
  readonly uri: string;
  readonly findPool: (id: string) => Promise<Pool | undefined>;
  readonly listPools: () => Promise<readonly Pool[]>;
  readonly pools: Pick<PoolDeps, 'mount' | 'unmount'>;
  readonly network: NetworkDeps;
  readonly updates: UpdateDeps;
  /** Called after virtual machines have changed. */
  readonly vmsChanged: () => Promise<unknown>;
  /** Called after pools or volumes have changed. */
  readonly poolsChanged: () => Promise<unknown>;
  readonly log: (line: string) => void;
  readonly signal: AbortSignal;
}

/**
 * Opens the journal of earlier runs of the agent, and makes the commander of this host's tasks.
 * @throws errors of the disk
 */
export async function openCommands(options: HostCommandsOptions): Promise<Commander> {
  const { folder, uri, findPool, log, signal } = options;
  const specs = new KeptSpecs(join(folder, 'vms'));
  const executors = {
    ...makeVmVerbs({
      uri,
      specs,
      place: (spec) => place(spec, options),
      isInMaintenance: async () => (await readMaintenance(folder)).on,
      changed: async () => {
        await options.vmsChanged();
      },
    }),
    ...makeVolumeVerbs({
      findPool,
      pools: options.listPools,
      inUse: (during) => readDiskSources({ uri, signal: during }),
      changed: async () => {
        await options.poolsChanged();
      },
    }),
    ...makePoolVerbs({
      ...options.pools,
      isInUse: async (id, during) => {
        const pool = await findPool(id);
        if (pool === undefined) return false;
        const place = pool.kind === 'lvm' ? join('/dev', pool.source) : pool.path;
        const sources = await readDiskSources({ uri, signal: during });
        return [...sources].some((source) => source.startsWith(`${place}/`));
      },
    }),
    configureNetwork: makeNetworkVerb(options.network),
    setMaintenance: maintenanceVerb(folder),
    updateHost: updateVerb(options.updates),
  };
  const journal = await Journal.open(join(folder, 'tasks.json'), log);
  return new Commander({ journal, executors, log, now: Date.now, signal });
}

const maintenanceSchema = z.object({ enabled: z.boolean(), reason: z.string() });

function maintenanceVerb(folder: string): Executor {
  return {
    objectOf: () => 'maintenance',
    carryOut: async ({ task }) => {
      const { enabled, reason } = check(maintenanceSchema, task.verb.value, 'set_maintenance');
      const line = reason
        .replaceAll(/\p{C}+/gu, ' ')
        .trim()
        .slice(0, LONGEST_REASON);
      const why = line === '' ? null : line;
      if (enabled) await beginMaintenance(folder, { reason: why, now: new Date() });
      else await endMaintenance(folder);
      return {};
    },
  };
}

async function place(
  spec: CheckedSpec,
  { uri, findPool }: Pick<HostCommandsOptions, 'uri' | 'findPool'>,
): Promise<Placement> {
  const volumes = spec.disks.map(({ volume, format }) => {
    if (volume === undefined) return undefined;
    return placeVolume({ findPool }, volume, format === VolumeFormat.QCOW2 ? 'qcow2' : 'raw');
  });
  return {
    type: uri.startsWith('test') ? 'test' : (await hasKvm()) ? 'kvm' : 'qemu',
    arch: process.arch === 'arm64' ? 'aarch64' : 'x86_64',
    volumes: await Promise.all(volumes),
  };
}

async function hasKvm(): Promise<boolean> {
  return await access('/dev/kvm').then(
    () => true,
    () => false,
  );
}
