import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeGuid, encodeGuid } from '../../build/disk/gpt.ts';
import { findPartition } from '../../build/disk/layout.ts';
import { messageOf } from '../error.ts';
import { readNames } from '../host/read.ts';
import { InstallError } from './error.ts';
import type { InstallPlan } from './plan.ts';

/** Vendor GUID of the variables that UEFI itself defines (UEFI 2.10, 3.3). */
const VENDOR = '8be4df61-93ca-11d2-aa0d-00e098032b8c';
const BOOT_ORDER = `BootOrder-${VENDOR}`;
const BOOT_OPTION = new RegExp(`^Boot([0-9A-F]{4})-${VENDOR}$`);

/**
 * Attributes before a variable's content in efivarfs: persistent, and accessible at boot and at run time (UEFI 2.10,
 * 8.2).
 */
const ATTRIBUTES = Buffer.from([7, 0, 0, 0]);

/** Attribute of a load option: the firmware may start it (UEFI 2.10, 3.1.3). */
const ACTIVE = 1;

/** Types of nodes of a device path (UEFI 2.10, 10.3): a partition, a file, and the end. */
const [HARD_DRIVE, FILE, END] = [0x0401, 0x0404, 0x7fff];
const HARD_DRIVE_BYTES = 42;
/** Partition format and signature type in the node of a partition that is identified by its GUID in a GPT. */
const BY_GUID = Buffer.from([2, 2]);

/** An entry of the firmware's boot menu, decoded if it names a file on a partition. */
export interface LoadOption {
  isActive: boolean;
  label: string;
  /** The partition with the file; `null` if the entry names something else. */
  partition: { number: number; firstSector: bigint; sectors: bigint; guid: string } | null;
  /** Path of the program, `\EFI\BOOT\BOOTX64.EFI`; `null` if there is none. */
  loader: string | null;
}

/** Encodes an entry for a file on a partition (EFI_LOAD_OPTION; UEFI 2.10, 3.1.3). */
export function encodeLoadOption({
  isActive,
  label,
  partition,
  loader,
}: LoadOption & { partition: object; loader: string }): Buffer {
  const drive = Buffer.alloc(HARD_DRIVE_BYTES - 4);
  drive.writeUInt32LE(partition.number, 0);
  drive.writeBigUInt64LE(partition.firstSector, 4);
  drive.writeBigUInt64LE(partition.sectors, 12);
  encodeGuid(partition.guid).copy(drive, 20);
  BY_GUID.copy(drive, 36);
  const path = Buffer.concat([
    nodeOf(HARD_DRIVE, drive),
    nodeOf(FILE, textOf(loader)),
    nodeOf(END, Buffer.alloc(0)),
  ]);
  const head = Buffer.alloc(6);
  head.writeUInt32LE(isActive ? ACTIVE : 0, 0);
  head.writeUInt16LE(path.length, 4);
  return Buffer.concat([head, textOf(label), path]);
}

/** Decodes an entry. @returns undefined if it is truncated */
export function decodeLoadOption(bytes: Buffer): LoadOption | undefined {
  if (bytes.length < 8) return undefined;
  const label = untilZero(bytes.subarray(6));
  if (label === undefined) return undefined;
  const start = 6 + 2 * (label.length + 1);
  const path = bytes.subarray(start, start + bytes.readUInt16LE(4));
  const option: LoadOption = {
    ...{ isActive: (bytes.readUInt32LE(0) & ACTIVE) !== 0, label },
    ...{ partition: null, loader: null },
  };
  for (let at = 0; at + 4 <= path.length; ) {
    const [type, length] = [path.readUInt16BE(at), path.readUInt16LE(at + 2)];
    if (length < 4 || type === END) break;
    const node = path.subarray(at + 4, at + length);
    if (type === FILE) option.loader = untilZero(node) ?? null;
    if (type === HARD_DRIVE && node.length === HARD_DRIVE_BYTES - 4) {
      option.partition = node.subarray(36).equals(BY_GUID)
        ? {
            ...{ number: node.readUInt32LE(0), firstSector: node.readBigUInt64LE(4) },
            ...{ sectors: node.readBigUInt64LE(12), guid: decodeGuid(node.subarray(20, 36)) },
          }
        : null;
    }
    at += length;
  }
  return option;
}

function nodeOf(type: number, content: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt16BE(type, 0);
  head.writeUInt16LE(4 + content.length, 2);
  return Buffer.concat([head, content]);
}

/** Encodes a text for UEFI: UTF-16, little-endian, with a terminating zero. */
function textOf(text: string): Buffer {
  return Buffer.from(`${text}\0`, 'utf16le');
}

function untilZero(bytes: Buffer): string | undefined {
  const text = bytes.toString('utf16le');
  const end = text.indexOf('\0');
  return end < 0 ? undefined : text.slice(0, end);
}

/** The entry of an installed disk in the firmware's boot menu. */
export interface WantedEntry {
  /** Name of the product for people: `Quantix-OS`. */
  title: string;
  plan: Pick<InstallPlan, 'disk' | 'layout'>;
  /** Path of the program in the EFI partition: `/EFI/BOOT/BOOTX64.EFI`. */
  loader: string;
}

/**
 * Puts the installed disk at the beginning of the firmware's boot menu, under UEFI. An existing entry for the disk
 * keeps its place; entries of the product for partitions that this disk no longer has are removed. Other entries, and
 * those of the product for other disks, stay.
 * @param root folder that contains sys
 * @throws InstallError if the firmware refuses it: the disk still boots with firmware that looks for `\EFI\BOOT` itself
 */
export async function keepBootEntry(wanted: WantedEntry, root = '/'): Promise<void> {
  const firmware = join(root, 'sys/firmware/efi');
  if ((await readNames(firmware)).length === 0) return;
  try {
    await writeEntry(join(firmware, 'efivars'), wanted);
  } catch (cause) {
    throw new InstallError({
      what: `the firmware's boot menu did not accept an entry for this disk: ${messageOf(cause)}`,
      fix: 'The disk still boots if the firmware finds it by itself; otherwise choose it in the firmware.',
      cause,
    });
  }
}

async function writeEntry(folder: string, { title, plan, loader }: WantedEntry): Promise<void> {
  const { disk, layout } = plan;
  const { number, guid, offset, bytes } = findPartition(layout, 'efi');
  const { sectorSize } = layout;
  const own = {
    ...{ isActive: true, label: title, loader: loader.replaceAll('/', '\\') },
    partition: {
      ...{ number, guid, firstSector: BigInt(offset / sectorSize) },
      sectors: BigInt(bytes / sectorSize),
    },
  };
  const content = encodeLoadOption(own);
  // Partitions of a table without GUIDs have an empty one.
  const gone = new Set(disk.partitions.flatMap((partition) => partition.guid || []));
  const { options, used, order } = await readMenu(folder);
  const ours = options.filter(
    ({ option }) =>
      option.label === title &&
      (option.partition?.guid === guid || gone.has(option.partition?.guid ?? '')),
  );
  const kept = ours.find((one) => one.content.equals(content) && order.includes(one.number));
  const stale = ours.filter((one) => one !== kept);
  // Stale entries are useless, and removing them first frees space in a full store.
  for (const one of stale) await rm(join(folder, nameOf(one.number)));
  const rest = order.filter((one) => !stale.some((other) => other.number === one));
  if (kept !== undefined) return stale.length === 0 ? undefined : await writeOrder(folder, rest);
  const taken = new Set([...rest, ...used]);
  const free = Array.from({ length: 0x1_0000 }, (_, at) => at).find((at) => !taken.has(at)) ?? 0;
  const file = join(folder, nameOf(free));
  try {
    await write(file, content);
  } catch (error) {
    // The write may have left an empty variable. If removing it fails, too, only the first error is reported.
    await rm(file).catch(() => undefined);
    throw error;
  }
  await writeOrder(folder, [free, ...rest]);
}

/** The firmware's boot menu. */
interface Menu {
  /** The entries that can be decoded. */
  options: { number: number; content: Buffer; option: LoadOption }[];
  /** Numbers of all entries, and the boot order. */
  used: number[];
  order: number[];
}

async function readMenu(folder: string): Promise<Menu> {
  const [options, used]: [Menu['options'], number[]] = [[], []];
  const names = await readdir(folder);
  for (const name of names.toSorted()) {
    const [, digits] = BOOT_OPTION.exec(name) ?? [];
    if (digits === undefined) continue;
    const number = Number.parseInt(digits, 16);
    used.push(number);
    const content = await readVariable(join(folder, name));
    const option = decodeLoadOption(content);
    if (option !== undefined) options.push({ number, content, option });
  }
  const order = names.includes(BOOT_ORDER) ? await readVariable(join(folder, BOOT_ORDER)) : null;
  const count = Math.floor((order?.length ?? 0) / 2);
  return {
    ...{ options, used },
    order: Array.from({ length: count }, (_, at) => order?.readUInt16LE(2 * at) ?? 0),
  };
}

async function writeOrder(folder: string, numbers: readonly number[]): Promise<void> {
  const content = Buffer.alloc(2 * numbers.length);
  for (const [at, number] of numbers.entries()) content.writeUInt16LE(number, 2 * at);
  await write(join(folder, BOOT_ORDER), content);
}

function nameOf(number: number): string {
  return `Boot${number.toString(16).toUpperCase().padStart(4, '0')}-${VENDOR}`;
}

async function readVariable(file: string): Promise<Buffer> {
  return (await readFile(file)).subarray(ATTRIBUTES.length);
}

/** Writes a variable in a single call, as efivarfs requires, and reads it back: firmware may drop it silently. */
async function write(file: string, content: Buffer): Promise<void> {
  await writeFile(file, Buffer.concat([ATTRIBUTES, content]));
  if ((await readVariable(file)).equals(content)) return;
  throw new Error('it reads back differently than it was written');
}
