import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  decodeLoadOption,
  encodeLoadOption,
  keepBootEntry,
} from '../../../../apps/installer/boot-entry.ts';
import type { OldPartition } from '../../../../apps/installer/facts.ts';
import { type DiskLayout, findPartition } from '../../../../build/disk/layout.ts';
import { planLayout } from '../../../../build/disk/plan-layout.ts';
import { temporaryFolder } from '../../folder.ts';
import { counting, disk, GIB } from './machines.ts';

const VENDOR = '8be4df61-93ca-11d2-aa0d-00e098032b8c';
const OTHERS = '11111111-2222-4333-8444-555555555555';

let root = '';
let variables = '';
let newGuid: () => string;

/** A machine with UEFI and another system in its boot menu. */
beforeEach(async () => {
  root = await temporaryFolder();
  variables = join(root, 'sys/firmware/efi/efivars');
  newGuid = counting();
  await mkdir(variables, { recursive: true });
  await writeFile(join(root, 'sys/firmware/efi/fw_platform_size'), '64\n');
  await put('Boot0000', entry('Windows Boot Manager', OTHERS));
  await put('Boot0002', Buffer.from('010000000000', 'hex'));
  await put('BootOrder', Buffer.from('00000200', 'hex'));
});

async function put(name: string, content: Buffer): Promise<void> {
  await writeFile(
    join(variables, `${name}-${VENDOR}`),
    Buffer.concat([Buffer.of(7, 0, 0, 0), content]),
  );
}

async function get(name: string): Promise<Buffer> {
  const bytes = await readFile(join(variables, `${name}-${VENDOR}`));
  expect(bytes.subarray(0, 4).toString('hex')).toBe('07000000');
  return bytes.subarray(4);
}

function entry(label: string, guid: string): Buffer {
  return encodeLoadOption({
    ...{ isActive: true, label, loader: '\\EFI\\BOOT\\BOOTX64.EFI' },
    partition: { number: 2, firstSector: 4096n, sectors: 614_400n, guid },
  });
}

function layout(sectorSize = 512): DiskLayout {
  return planLayout({
    ...{ bytes: 480 * GIB, sectorSize, labelPrefix: 'QUANTIX', imageBytes: GIB / 4 },
    ...{ data: 'rest', bios: true, newGuid },
  });
}

/** Updates the boot menu as an installation does. @param before the layout of the disk before it */
async function installed(now: DiskLayout, before?: DiskLayout): Promise<void> {
  const partitions: OldPartition[] = [...(before?.partitions ?? [])];
  const plan = { disk: disk({ partitions }), layout: now };
  await keepBootEntry({ title: 'Quantix-OS', plan, loader: '/EFI/BOOT/BOOTX64.EFI' }, root);
}

/** Returns the labels of the boot menu, in its order. */
async function menu(): Promise<(string | undefined)[]> {
  const order = await get('BootOrder');
  const labels: (string | undefined)[] = [];
  for (let at = 0; at < order.length; at += 2) {
    const name = `Boot${order.readUInt16LE(at).toString(16).toUpperCase().padStart(4, '0')}`;
    labels.push(decodeLoadOption(await get(name))?.label);
  }
  return labels;
}

describe('the boot menu of UEFI', () => {
  test.each([512, 4096])(
    'begins with the disk that was installed, which has sectors of %i bytes',
    async (size) => {
      const now = layout(size);
      await installed(now);
      expect(await menu()).toEqual(['Quantix-OS', 'Windows Boot Manager', undefined]);
      const { number, guid, offset, bytes } = findPartition(now, 'efi');
      expect(decodeLoadOption(await get('Boot0001'))).toEqual({
        ...{ isActive: true, label: 'Quantix-OS', loader: '\\EFI\\BOOT\\BOOTX64.EFI' },
        partition: {
          ...{ number, guid },
          ...{ firstSector: BigInt(offset / size), sectors: BigInt(bytes / size) },
        },
      });
    },
  );

  test('is not changed by an installation that keeps the partitions', async () => {
    const now = layout();
    await installed(now);
    // The user puts another system first.
    await put('BootOrder', Buffer.from('000001000200', 'hex'));
    for (let again = 0; again < 3; again += 1) await installed(now, now);
    expect(await menu()).toEqual(['Windows Boot Manager', 'Quantix-OS', undefined]);
    expect(await readdir(variables)).toHaveLength(4);
  });

  test('has one entry for a disk after any number of installations', async () => {
    let before = layout();
    await installed(before);
    for (let again = 0; again < 5; again += 1) {
      const now = layout();
      await installed(now, before);
      before = now;
    }
    expect(await menu()).toEqual(['Quantix-OS', 'Windows Boot Manager', undefined]);
    expect(await readdir(variables)).toHaveLength(4);
  });

  test('keeps the entries of other systems and of other disks', async () => {
    const here = layout();
    await put('Boot0005', entry('Quantix-OS', OTHERS));
    await put('Boot0006', entry('Debian', findPartition(here, 'efi').guid));
    await installed(layout(), here);
    const kept = await readdir(variables);
    for (const number of ['0000', '0005', '0006'])
      expect(kept).toContain(`Boot${number}-${VENDOR}`);
  });

  test('keeps an entry of our name for another medium, if the disk had partitions without GUIDs', async () => {
    const ours = Buffer.from('Quantix-OS\0', 'utf16le');
    const end = Buffer.from('7fff0400', 'hex');
    const head = Buffer.from('010000000400', 'hex');
    await put('Boot0005', Buffer.concat([head, ours, end]));
    const here = layout();
    const partitions = here.partitions.map((one) => ({ ...one, guid: '' }));
    await installed(layout(), { ...here, partitions });
    expect(await readdir(variables)).toContain(`Boot0005-${VENDOR}`);
  });

  test('gets back an entry that was removed from the boot order', async () => {
    const now = layout();
    await installed(now);
    await put('BootOrder', Buffer.from('0000', 'hex'));
    await installed(now, now);
    expect(await menu()).toEqual(['Quantix-OS', 'Windows Boot Manager']);
    await rm(join(variables, `BootOrder-${VENDOR}`));
    await installed(now, now);
    expect(await menu()).toEqual(['Quantix-OS']);
  });

  test('that cannot be written is reported', async () => {
    await rm(join(variables, `BootOrder-${VENDOR}`));
    await mkdir(join(variables, `BootOrder-${VENDOR}`));
    await expect(installed(layout())).rejects.toThrow(
      /^the firmware's boot menu did not accept an entry for this disk: .*still boots if the firmware/,
    );
    await rm(variables, { recursive: true });
    await expect(installed(layout())).rejects.toThrow(/ENOENT.*still boots if the firmware/);
  });

  test('is not changed on a machine with BIOS', async () => {
    await rm(join(root, 'sys'), { recursive: true });
    await installed(layout());
    expect(await readdir(root)).toEqual([]);
  });
});

test('an entry has the bytes of the specification', () => {
  // Sections 3.1.3, 10.3.5.1 and 10.3.5.4 of UEFI 2.10. efibootmgr 17 prints this entry as
  // HD(2,GPT,81635ccd-1b4f-4d3f-b7b7-f78a5b029f35,0x1000,0x96000)/File(\EFI\BOOT\BOOTX64.EFI).
  const bytes = encodeLoadOption({
    ...{ isActive: true, label: 'QvDC', loader: '\\EFI\\BOOT\\BOOTX64.EFI' },
    partition: {
      ...{ number: 2, firstSector: 0x1000n, sectors: 0x9_6000n },
      guid: '81635ccd-1b4f-4d3f-b7b7-f78a5b029f35',
    },
  });
  const text = (value: string) => Buffer.from(`${value}\0`, 'utf16le').toString('hex');
  expect(bytes.toString('hex')).toBe(
    [
      ...['01000000', '5e00', text('QvDC')],
      ...['04012a00', '02000000', '0010000000000000', '0060090000000000'],
      ...['cd5c63814f1b3f4db7b7f78a5b029f35', '0202'],
      ...['04043000', text('\\EFI\\BOOT\\BOOTX64.EFI'), '7fff0400'],
    ].join(''),
  );
});

test.each([
  ['nothing', ''],
  ['a label without an end', '010000000000410042004300'],
])('an entry with %s is ignored', (_what, hex) => {
  expect(decodeLoadOption(Buffer.from(hex, 'hex'))).toBeUndefined();
});

test.each([
  ['a node without a length', '0100000004000000' + '04010000'],
  ['a path that is cut off', '010000002a000000' + '04012a000200'],
  ['a length of the path that is too large', '01000000ffff0000' + '0404ffff4100'],
])('an entry with %s has only its label', (_what, hex) => {
  const option = decodeLoadOption(Buffer.from(hex, 'hex'));
  expect(option).toMatchObject({ label: '', partition: null });
});
