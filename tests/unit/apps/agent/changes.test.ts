import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { describePoolChanges, describeVmChanges } from '../../../../apps/agent/changes.ts';
import { type StorageState, watchPools } from '../../../../apps/agent/pools/watch-pools.ts';
import { watchAddress } from '../../../../apps/agent/watch-address.ts';
import type { Pool } from '../../../../apps/api/storage.ts';
import type { Vms } from '../../../../apps/api/vms.ts';
import { temporaryFolder } from '../../folder.ts';
import { WEB, world } from './server/small-parts.ts';

/** Returns a signal that is aborted at the end of the test. */
function signalOfTest(): AbortSignal {
  const ending = new AbortController();
  onTestFinished(() => ending.abort());
  return ending.signal;
}

test('a change of the management address is reported with the old one; the first detection is not a change', async () => {
  const changes: string[] = [];
  let address: string | null = '10.0.0.7';
  let looks = 0;
  const watch = watchAddress({
    detect: async () => {
      looks++;
      return address;
    },
    onChange: (before, after) => changes.push(`${before} → ${after}`),
    signal: signalOfTest(),
  });
  await vi.waitFor(() => expect(looks).toBe(1), 30_000);
  for (const next of ['10.0.0.8', '10.0.0.8', null, '10.0.0.7']) {
    const before = looks;
    address = next;
    watch.refreshSoon();
    await vi.waitFor(() => expect(looks).toBeGreaterThan(before), 30_000);
  }
  expect(changes).toEqual(['10.0.0.7 → 10.0.0.8', '10.0.0.8 → null', 'null → 10.0.0.7']);
});

test('each detection of the address is independent of the previous one', async () => {
  const given: unknown[][] = [];
  const watch = watchAddress({
    detect: async (...words: unknown[]) => {
      given.push(words);
      return null;
    },
    onChange: () => undefined,
    signal: signalOfTest(),
  });
  await vi.waitFor(() => expect(given).toHaveLength(1), 30_000);
  watch.refreshSoon();
  await vi.waitFor(() => expect(given).toEqual([[], []]), 30_000);
});

test('pools are read again as soon as something is mounted', async () => {
  const mounts = join(await temporaryFolder(), 'mountinfo');
  await writeFile(mounts, 'one');
  const seen: StorageState[] = [];
  const { pools } = world();
  let state: StorageState = { pools: [], problems: [] };
  watchPools({
    read: async () => state,
    onChange: (storage) => seen.push(storage),
    mounts,
    signal: signalOfTest(),
  });
  await vi.waitFor(() => expect(seen).toHaveLength(1), 30_000);
  state = { pools, problems: [] };
  await writeFile(mounts, 'two');
  await vi.waitFor(() => expect(seen.at(-1)).toEqual(state), { timeout: 30_000 });
});

test('a watch that fails throws the error, and one that was ended does not', async () => {
  const broken = watchAddress({
    detect: () => Promise.reject(new Error('no /proc')),
    onChange: () => undefined,
    signal: signalOfTest(),
  });
  await expect(broken.ended).rejects.toThrow('no /proc');
  const ending = new AbortController();
  const well = watchAddress({
    detect: async () => null,
    onChange: () => undefined,
    signal: ending.signal,
  });
  ending.abort();
  await expect(well.ended).resolves.toBeUndefined();
});

test('the log shows changes of each VM', () => {
  const { vms } = world();
  const libvirt = { available: true, version: '9.0.0' } as const;
  const running: Vms = { libvirt, vms };
  const stopped: Vms = { libvirt, vms: vms.map((vm) => ({ ...vm, state: 'shutoff' })) };
  const away: Vms = { libvirt: { available: false, problem: 'libvirt is not running' }, vms: [] };
  const vm = `VM web (${WEB})`;
  expect(describeVmChanges(undefined, running)).toEqual([
    'libvirt 9.0.0 answers',
    `${vm}: new → running`,
  ]);
  expect(describeVmChanges(running, stopped)).toEqual([`${vm}: running → shutoff`]);
  expect(describeVmChanges(stopped, { libvirt, vms: [] })).toEqual([`${vm}: gone`]);
  expect(describeVmChanges(running, away)).toEqual(['libvirt is not running']);
});

test('pools that come, go or change are reported in a line each, with the reason', () => {
  const [data] = world().pools;
  if (data === undefined) throw new Error('a world has a pool');
  const silent: Pool = { ...data, health: 'unknown', problem: 'nas does not answer' };
  expect(describePoolChanges(undefined, [data])).toEqual(['storage pool data: new → healthy']);
  expect(describePoolChanges([data], [silent])).toEqual([
    'storage pool data: healthy → unknown: nas does not answer',
  ]);
  expect(describePoolChanges([silent], [{ ...silent, used: 7 }])).toEqual([]);
  expect(describePoolChanges([data], [])).toEqual(['storage pool data: gone']);
});
