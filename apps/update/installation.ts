import { join } from 'node:path';
import type { BlockDevice } from '../../build/disk/block-device.ts';
import { readGpt } from '../../build/disk/gpt.ts';
import { PARTITION_NUMBERS, type Slot } from '../../build/disk/layout.ts';
import { openBlockDevice } from '../disk/open-block-device.ts';
import { readImage } from '../host/image.ts';
import { readAttribute, readNames, readNumber, readText } from '../host/read.ts';
import { type Running, UpdateRefusal } from './accept.ts';

/** Devices of an installed system's disk. */
export interface Installation {
  /** The slot that GRUB booted, from the kernel's command line. */
  booted: Slot;
  /** Device of the EFI partition, such as `/dev/vda2`. */
  efi: string;
  slots: Readonly<Record<Slot, string>>;
}

/** The slot from which a system was booted. */
export interface BootedFrom {
  slot: Slot;
  /** Unique GUID of the slot's partition, in lower case. */
  partition: string;
}

/**
 * Parses the slot that GRUB booted from the kernel parameters `quantix.slot=a quantix.medium=PARTUUID=…`; returns
 * `null` if the system runs from its medium.
 */
export function parseBootedFrom(commandLine: string): BootedFrom | null {
  const valueNamed = (name: string) =>
    commandLine
      .split(/\s+/)
      .findLast((word) => word.startsWith(`${name}=`))
      ?.slice(name.length + 1);
  const slot = valueNamed('quantix.slot');
  const [, partition] =
    /^PARTUUID=([0-9a-f-]{36})$/i.exec(valueNamed('quantix.medium') ?? '') ?? [];
  if ((slot !== 'a' && slot !== 'b') || partition === undefined) return null;
  return { slot, partition: partition.toLowerCase() };
}

/** Block devices that are not disks. */
const NO_DISKS = /^(loop|ram|zram|fd|nbd|dm-|md|sr)/;

/**
 * Finds the disk from which this system was booted; returns `null` if it runs from its medium.
 * @param root folder that contains dev, proc and sys
 * @throws UpdateRefusal if no disk has the booted partition, several do, or it does not match the slot
 */
export async function findInstallation(root = '/'): Promise<Installation | null> {
  const from = parseBootedFrom(await readText(join(root, 'proc/cmdline')));
  if (from === null) return null;
  const found = await disksWith(from.partition, root);
  const [first, second] = found;
  if (first === undefined) {
    throw new UpdateRefusal({
      what: `no disk has the partition ${from.partition}, which this system was booted from`,
      fix: 'The disk was taken out, or does not answer: `dmesg` shows which.',
    });
  }
  if (second !== undefined) {
    throw new UpdateRefusal({
      what: `${found.map(({ disk }) => disk).join(' and ')} both have the partition ${from.partition}: one is a copy of the other, and nobody knows which one was booted`,
      fix: 'Take the copy out of this machine.',
    });
  }
  if (first.number === PARTITION_NUMBERS[from.slot]) {
    return await devicesOf(first.disk, from.slot, root);
  }
  throw new UpdateRefusal({
    what: `the boot loader says that it booted slot ${from.slot}, and the system comes from partition ${first.number} of ${first.disk}, which is not that`,
    fix: 'Another boot loader or another disk was used: choose this disk in the firmware, or install anew.',
  });
}

/**
 * Finds the disks that have the partition with this GUID, and its number. A disk with several paths is returned once.
 */
async function disksWith(
  partition: string,
  root: string,
): Promise<readonly { disk: string; number: number }[]> {
  const names = (await readNames(join(root, 'sys/block'))).filter((name) => !NO_DISKS.test(name));
  const found: { disk: string; number: number }[] = [];
  const known = new Set<string>();
  for (const disk of names) {
    // Ask the kernel first, so that sleeping or hanging disks are not read.
    if (!(await hasSlots(join(root, 'sys/block', disk)))) continue;
    const one = (await partitionsOf(join(root, 'dev', disk))).find(
      ({ guid }) => guid === partition,
    );
    if (one === undefined) continue;
    const folder = join(root, 'sys/block', disk);
    const wwid =
      (await readAttribute(join(folder, 'device/wwid'))) ??
      (await readAttribute(join(folder, 'wwid'))) ??
      disk;
    if (!known.has(wwid)) found.push({ disk, number: one.number });
    known.add(wwid);
  }
  return found;
}

/** Returns whether the kernel knows a partition of a disk that is named like a slot. @param folder in sysfs */
async function hasSlots(folder: string): Promise<boolean> {
  for (const name of await readNames(folder)) {
    const event = await readText(join(folder, name, 'uevent'));
    if (/^PARTNAME=.*-[AB]$/m.test(event)) return true;
  }
  return false;
}

async function partitionsOf(device: string): Promise<readonly { guid: string; number: number }[]> {
  try {
    await using disk = await openBlockDevice(device);
    return (await readGpt(disk))?.partitions ?? [];
  } catch {
    // A drive without a medium, or a broken one, is not the disk of the running system.
    return [];
  }
}

async function devicesOf(disk: string, booted: Slot, root: string): Promise<Installation> {
  const folder = join(root, 'sys/block', disk);
  const found = new Map<number, string>();
  for (const name of await readNames(folder)) {
    const number = await readNumber(join(folder, name, 'partition'));
    if (number !== null) found.set(number, join(root, 'dev', name));
  }
  const device = (role: 'efi' | Slot) => {
    const path = found.get(PARTITION_NUMBERS[role]);
    if (path !== undefined) return path;
    throw new UpdateRefusal({
      what: `${disk} has no partition ${PARTITION_NUMBERS[role]}, which an installed disk has`,
      fix: 'Install anew; configuration and data can be kept.',
    });
  };
  return { booted, efi: device('efi'), slots: { a: device('a'), b: device('b') } };
}

/** The opened partitions of an installed disk. */
export interface OpenInstallation extends AsyncDisposable {
  booted: Slot;
  efi: BlockDevice;
  slots: Readonly<Record<Slot, BlockDevice>>;
}

/** Returns the other slot. */
export function getOtherSlot(slot: Slot): Slot {
  return slot === 'a' ? 'b' : 'a';
}

/**
 * Opens the partitions that an update needs.
 * @param write whether to open the EFI partition and the slot that is not booted exclusively, for writing
 * @throws ExplainedError
 */
export async function openInstallation(
  { booted, efi, slots }: Installation,
  { write = false }: { write?: boolean } = {},
): Promise<OpenInstallation> {
  await using stack = new AsyncDisposableStack();
  const target = getOtherSlot(booted);
  const state = stack.use(await openBlockDevice(efi, { write }));
  const other = stack.use(await openBlockDevice(slots[target], { write }));
  // The booted slot is in use by the running system, so it is only read.
  const own = stack.use(await openBlockDevice(slots[booted]));
  const kept = stack.move();
  return {
    booted,
    efi: state,
    slots: booted === 'a' ? { a: own, b: other } : { a: other, b: own },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** Reads the facts of the running system. @param root folder that contains etc and proc */
export async function readRunning(root = '/'): Promise<Running> {
  const { product, version, base, architecture } = await readImage(root);
  return { product, version, base, architecture };
}
