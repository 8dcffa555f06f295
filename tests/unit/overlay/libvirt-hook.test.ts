import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../folder.ts';
import { PROJECT } from '../profile/profiles.ts';

const HOOK = join(PROJECT, 'overlay/quantix-os/etc/libvirt/hooks/qemu');
const ID = '9f1b2c3d-0000-4000-8000-00000000abcd';
const OTHER = '9f1b2c3d-0000-4000-8000-00000000abce';

const definition = (id: string) =>
  `<domain type='kvm' id='3'>\n  <name>a b</name>\n  <uuid>${id}</uuid>\n  <description>\n<uuid>../../x</uuid>\n</description>\n</domain>\n`;

/** Prepares the hook that libvirt calls, on a separate host. @returns functions that call it and that list its notes */
async function host() {
  const folder = await temporaryFolder();
  const [ran, stopping] = [join(folder, 'a/b/ran'), join(folder, 'a/stopping')];
  return {
    stopping,
    call: async (operation: string, input: string) => {
      await execa('busybox', ['sh', HOOK, 'a b', operation, 'begin', '-'], {
        input,
        env: { QX_RAN: ran, QX_STOPPING: stopping },
      });
    },
    written: async () => (await readdir(folder, { recursive: true })).sort(),
    notes: async () => (await readdir(ran)).sort(),
  };
}

test('running guests are recorded, and ended ones are removed', async () => {
  const { call, notes } = await host();
  await call('prepare', definition(ID));
  await call('started', definition(ID));
  await call('started', definition(OTHER));
  expect(await notes()).toEqual([ID, OTHER]);
  await call('stopped', definition(ID));
  await call('release', definition(ID));
  expect(await notes()).toEqual([OTHER]);
});

test('while the host stops its guests the record does not change', async () => {
  const { call, notes, stopping } = await host();
  await call('started', definition(ID));
  await writeFile(stopping, '1 of 1 guests still run\n');
  await call('release', definition(ID));
  expect(await notes()).toEqual([ID]);
});

test.each(['', '<domain>', '<uuid>', '\0\n<uuid></uuid', '<uuid>../../x</uuid>'])(
  'a definition like %j does not block the guest, and no other file is written',
  async (text) => {
    const { call, notes, written } = await host();
    await call('started', definition(ID));
    const before = await written();
    await call('started', text);
    expect(await written()).toEqual(before);
    await call('release', text);
    expect(await notes()).toEqual([ID]);
  },
);
