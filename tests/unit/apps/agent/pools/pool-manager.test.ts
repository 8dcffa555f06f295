import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { expect, test, vi } from 'vitest';
import { readAssigned } from '../../../../../apps/agent/pools/assigned-pools.ts';
import { PoolManager } from '../../../../../apps/agent/pools/pool-manager.ts';
import {
  AssignedPoolSchema,
  PoolType,
} from '../../../../../apps/proto/gen/quantix/v1/storage_pb.js';
import { PoolKeeper } from '../../../../../apps/storage/keeper.ts';
import { temporaryFolder } from '../../../folder.ts';

const NAS = { name: 'nas', nfs: 'nas:/b' };

/** A host whose keeper mounts nothing. */
async function host(assigned: (typeof NAS)[]) {
  const folder = await temporaryFolder();
  const assignedFile = join(folder, 'assigned-pools.json');
  const keeper = new PoolKeeper();
  vi.spyOn(keeper, 'bringUp').mockResolvedValue();
  const manager = new PoolManager({
    ...{ file: join(folder, 'node.yaml'), declared: [], assignedFile, assigned, keeper },
    onChange: () => undefined,
    signal: new AbortController().signal,
  });
  return { keeper, manager, stored: () => readAssigned(assignedFile) };
}

test('a pool that is still being brought up after the wait for it is reported as mounted only if it is', async () => {
  const { keeper, manager, stored } = await host([]);
  vi.spyOn(keeper, 'trying').mockReturnValue([NAS]);
  const pool = create(AssignedPoolSchema, {
    ...{ id: crypto.randomUUID(), name: 'nas', type: PoolType.NFS, source: 'nas:/b' },
  });
  await expect(manager.assignAlso(pool)).rejects.toThrow(
    'the pool nas does not come up: not within 40 s',
  );
  expect(await stored()).toEqual([]);
  vi.spyOn(keeper, 'isUp').mockResolvedValueOnce(true);
  await manager.assignAlso(pool);
  expect(await stored()).toEqual([NAS]);
  await manager.withdraw('nas');
  vi.spyOn(keeper, 'trying').mockReturnValue([]);
  await manager.assignAlso(pool);
  expect(await stored()).toEqual([NAS]);
});

test('a pool can be unmounted although another one lingers', async () => {
  const { keeper, manager, stored } = await host([NAS]);
  vi.spyOn(keeper, 'lingering').mockReturnValue(['/pools/old is no longer a pool, but is busy']);
  const lingering = vi.spyOn(keeper, 'lingeringAt').mockReturnValue('/pools/nas is busy');
  await expect(manager.withdraw('nas')).rejects.toThrow('/pools/nas is busy');
  expect(lingering).toHaveBeenCalledWith('/pools/nas');
  lingering.mockReturnValue(undefined);
  await manager.withdraw('nas');
  expect(await stored()).toEqual([]);
});
