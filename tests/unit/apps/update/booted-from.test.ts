import { mkdir, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openBlockDevice } from '../../../../apps/disk/open-block-device.ts';
import { openConfirmation } from '../../../../apps/update/confirmation.ts';
import {
  findInstallation,
  openInstallation,
  parseBootedFrom,
  readRunning,
} from '../../../../apps/update/installation.ts';
import { type BootState, writeBootState } from '../../../../build/disk/boot-state.ts';
import { type DiskLayout, findPartition } from '../../../../build/disk/layout.ts';
import { DISK_BYTES, install } from '../../disk/installed.ts';

let root: string;
let layout: DiskLayout;

async function put(name: string, content: string): Promise<void> {
  await mkdir(dirname(join(root, name)), { recursive: true });
  await writeFile(join(root, name), content);
}

/** A machine with two disks, an empty one and an installed one; both are files. */
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'quantix-installation-'));
  for (const disk of ['sda', 'vda']) {
    await put(`dev/${disk}`, '');
    await mkdir(join(root, 'sys/block', disk), { recursive: true });
  }
  for (const number of [1, 2, 3, 4, 5, 6]) {
    await put(`sys/block/vda/vda${number}/partition`, `${number}\n`);
    const label = number === 3 ? 'QUANTIX-A' : `QUANTIX-${number}`;
    await put(`sys/block/vda/vda${number}/uevent`, `PARTNAME=${label}\n`);
  }
  await truncate(join(root, 'dev/vda'), DISK_BYTES);
  await using device = await openBlockDevice(join(root, 'dev/vda'), { write: true });
  layout = await install(device);
  await put(
    'etc/os-release',
    'ID="quantix-os"\nVERSION_ID="0.1.0"\nQUANTIX_BASE="debian"\nNAME="Quantix-OS"\n',
  );
});
afterEach(() => rm(root, { recursive: true }));

const bootedFrom = (slot: string, role: 'a' | 'b') =>
  put(
    'proc/cmdline',
    `BOOT_IMAGE=/boot/vmlinuz quiet quantix.slot=${slot} quantix.medium=PARTUUID=${findPartition(layout, role).guid.toUpperCase()}\n`,
  );

describe('an installed system', () => {
  test('finds the disk that it was booted from, and its partitions', async () => {
    await bootedFrom('b', 'b');
    expect(await findInstallation(root)).toEqual({
      booted: 'b',
      efi: join(root, 'dev/vda2'),
      slots: { a: join(root, 'dev/vda3'), b: join(root, 'dev/vda4') },
    });
  });

  test('refuses updates if the boot loader names another slot than the one that runs', async () => {
    await bootedFrom('b', 'a');
    await expect(findInstallation(root)).rejects.toThrow(
      'the boot loader says that it booted slot b, and the system comes from partition 3 of vda',
    );
  });

  test('refuses updates if its disk is missing', async () => {
    const gone = '00000000-1111-2222-3333-444444444444';
    await put('proc/cmdline', `quantix.slot=a quantix.medium=PARTUUID=${gone}`);
    await expect(findInstallation(root)).rejects.toThrow(`no disk has the partition ${gone}`);
  });

  test('opens each slot under its own name', async () => {
    for (const name of ['efi', 'a', 'b']) await put(`parts/${name}`, name.padEnd(512));
    const slots = { a: join(root, 'parts/a'), b: join(root, 'parts/b') };
    for (const booted of ['a', 'b'] as const) {
      await using disk = await openInstallation({ booted, slots, efi: join(root, 'parts/efi') });
      const first = async (slot: 'a' | 'b') =>
        (await disk.slots[slot].read(0, 512)).toString().trim();
      expect([await first('a'), await first('b')]).toEqual(['a', 'b']);
    }
  });
});

describe('whether the running version is confirmed', () => {
  /** The EFI partition is a separate file, because the kernel shows no partitions of a disk that is a file. */
  const writeState = async (state: BootState) => {
    await using efi = await openBlockDevice(join(root, 'dev/vda2'), { write: true });
    await writeBootState(efi, state);
  };

  beforeEach(async () => {
    const { offset, bytes } = findPartition(layout, 'efi');
    await using disk = await openBlockDevice(join(root, 'dev/vda'));
    await writeFile(join(root, 'dev/vda2'), await disk.read(offset, bytes));
    for (const slot of ['vda3', 'vda4']) await put(`dev/${slot}`, '');
  });

  test('is read each time: false during a trial, and true once it is confirmed', async () => {
    await bootedFrom('b', 'b');
    await writeState({ good: 'a', trial: 'b', left: 2 });
    await using confirmation = await openConfirmation(root);
    expect(await confirmation.problem()).toContain('slot b is on trial');
    await writeState({ good: 'b', trial: null, left: 0 });
    expect(await confirmation.problem()).toBeUndefined();
  });

  test('is false for a slot that was chosen in the menu, and with a damaged boot state', async () => {
    await bootedFrom('b', 'b');
    await writeState({ good: 'a', trial: null, left: 0 });
    await using confirmation = await openConfirmation(root);
    expect(await confirmation.problem()).toContain('it was chosen in the menu');
    const file = join(root, 'dev/vda2');
    const bytes = await readFile(file);
    await writeFile(file, bytes.fill('?', bytes.indexOf('good='), bytes.indexOf('left=') + 6));
    expect(await confirmation.problem()).toContain('the boot state of this disk is damaged');
  });

  test('is a problem if the boot loader and the disk disagree', async () => {
    await bootedFrom('b', 'a');
    await using confirmation = await openConfirmation(root);
    expect(await confirmation.problem()).toContain('the boot loader says that it booted slot b');
  });

  test('is true for a system that runs from its medium', async () => {
    await put('proc/cmdline', 'quiet');
    await using confirmation = await openConfirmation(root);
    expect(await confirmation.problem()).toBeUndefined();
  });
});

test('a system that runs from its medium has no installation', async () => {
  await put('proc/cmdline', 'BOOT_IMAGE=/boot/vmlinuz quiet');
  expect(await findInstallation(root)).toBeNull();
});

test.each([
  ['quantix.slot=a', null],
  ['quantix.slot=c quantix.medium=PARTUUID=00000000-1111-2222-3333-444444444444', null],
  ['quantix.slot=a quantix.medium=LABEL=QUANTIX-A', null],
  ['x.quantix.slot=a quantix.medium=PARTUUID=00000000-1111-2222-3333-444444444444', null],
  [
    'quantix.slot=a quantix.medium=PARTUUID=AAAAAAAA-1111-2222-3333-444444444444',
    { slot: 'a', partition: 'aaaaaaaa-1111-2222-3333-444444444444' },
  ],
])('the kernel’s parameters %j', (text, told) => {
  expect(parseBootedFrom(text)).toEqual(told);
});

test('the running version is read from os-release(5)', async () => {
  expect(await readRunning(root)).toMatchObject({
    product: 'quantix-os',
    version: '0.1.0',
    base: 'debian',
  });
});
