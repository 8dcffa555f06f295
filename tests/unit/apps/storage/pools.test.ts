import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { StorageReader } from '../../../../apps/storage/pools.ts';
import { temporaryFolder } from '../../folder.ts';

const GROUP = {
  ...{ vg_name: 'vg0', vg_uuid: 'SKpqHu-OwG1-Ojc2-tYvx-Ww3q-dPyT-1dF2rA' },
  ...{ vg_size: '1000', vg_free: '400', vg_attr: 'wz--n-' },
};

/** A host with a declared volume group, and a stand-in for LVM that lists groups, or fails without a list. */
async function host() {
  const folder = await temporaryFolder();
  vi.stubEnv('PATH', `${folder}:${process.env.PATH}`);
  const program = (name: string, lines: string) =>
    writeFile(join(folder, name), `#!/bin/sh\n${lines}\n`, { mode: 0o755 });
  await program('lvs', `echo '${JSON.stringify({ report: [{ lv: [] }] })}'`);
  let silence: string | undefined;
  const reader = new StorageReader({
    declarations: () => [{ name: 'fast', lvm: 'vg0' }],
    problemOf: () => 'vgchange: not now',
    silenceOf: () => silence,
    root: folder,
  });
  return {
    list: async (...vg: object[]) =>
      await program('vgs', `echo '${JSON.stringify({ report: [{ vg }] })}'`),
    fail: () => program('vgs', 'echo "EIO: i/o error" >&2; exit 5'),
    silence: (why: string) => {
      silence = why;
    },
    read: async () => (await reader.read()).pools,
  };
}

test('a declared volume group is not known, and not missing, if LVM fails from the start', async () => {
  const { fail, read, list } = await host();
  await fail();
  expect(await read()).toMatchObject([
    {
      ...{ id: 'lvm:vg0', name: 'fast', health: 'unknown', seen: 'never', volumesSeen: 'never' },
      problem: expect.stringContaining('volume groups cannot be read') as string,
    },
  ]);
  await list(GROUP);
  expect(await read()).toMatchObject([{ id: GROUP.vg_uuid, name: 'fast', health: 'healthy' }]);
  await fail();
  expect(await read()).toMatchObject([
    { id: GROUP.vg_uuid, name: 'fast', health: 'unknown', total: 1000 },
  ]);
});

test('a declared volume group is not known if its disks have not answered yet', async () => {
  const { list, read, silence } = await host();
  await list();
  silence('iqn.2026-01.example:disks does not answer');
  expect(await read()).toMatchObject([
    { health: 'unknown', problem: 'iqn.2026-01.example:disks does not answer', seen: 'never' },
  ]);
});

test('a declared volume group that LVM does not list is missing', async () => {
  const { list, read } = await host();
  await list();
  expect(await read()).toMatchObject([
    { name: 'fast', health: 'unmounted', problem: 'vg0 is not there: vgchange: not now' },
  ]);
});
