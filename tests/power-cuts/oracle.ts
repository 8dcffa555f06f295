import { type BlockDevice, readBytes, sliceDevice } from '../../build/disk/block-device.ts';
import { type BootState, decodeBootState, ENVIRONMENT_PATH } from '../../build/disk/boot-state.ts';
import { chooseSlot } from '../../build/disk/choose-slot.ts';
import { locateFile } from '../../build/disk/fat32.ts';
import { BOOT_CODE_BYTES, readGpt } from '../../build/disk/gpt.ts';
import type { DiskLayout, Slot } from '../../build/disk/layout.ts';
import { recognizeLayout } from '../../build/disk/read-layout.ts';
import { readTrailer } from '../../build/disk/slot-trailer.ts';
import { ExplainedError } from '../../build/explained-error.ts';

/** Content of a slot: a whole image, by its SHA-256; nothing that GRUB could find; or anything else. */
export type SlotContent = { sha256: string } | 'nothing' | 'parts';

/** Outcome of a boot: an image by its SHA-256, nothing, or a broken system. */
export type Outcome = { image: string } | { nothing: true } | { broken: string };

/** Analysis of a disk whose power is off. */
export interface Forecast {
  /** Its partitions, as the kernel sees them. */
  layout: DiskLayout | undefined;
  /** The boot state; undefined if it, or the place to read it from, is missing. */
  state: BootState | undefined;
  /** All possible results of a boot under BIOS and UEFI. */
  bios: readonly Outcome[];
  uefi: readonly Outcome[];
  /** Trailers that do not match the content of their slot. */
  mismatched: readonly Slot[];
}

/** Facts that the partition tables of a disk do not contain. */
export interface Known {
  /** Returns the content of a slot. */
  contentOf(slot: Slot): SlotContent | Promise<SlotContent>;
  /** Files of the EFI partition that GRUB needs for its decision. */
  loader: { path: string; bytes: Buffer };
  config: { path: string; bytes: Buffer };
  /** Further such files if the UEFI loader is shim: GRUB and its first configuration file. Empty if it is GRUB. */
  afterShim: readonly { path: string; bytes: Buffer }[];
  /** GRUB for BIOS as it is on disk, except for the location of its second part. */
  core: Buffer | undefined;
}

/** Offset in GRUB's boot sector of the number of the sector that it loads. */
const CORE_SECTOR_AT = 0x5c;
/** Number of leading bytes in core.img's first sector that do not depend on its place. */
const POSITION_INDEPENDENT = 0x1f4;

/**
 * Forecasts what a disk boots, by simulating firmware, GRUB and its `grub.cfg` in the order in which they read the
 * disk.
 * @throws an error other than ExplainedError if the code that reads disks is wrong
 */
export async function forecast(device: BlockDevice, known: Known): Promise<Forecast> {
  const gpt = await readGpt(device);
  const layout = gpt === undefined ? undefined : recognizeLayout(gpt, device);
  const mismatched: Slot[] = [];
  if (layout === undefined || gpt === undefined) {
    const dead = await biosFirst(device, known);
    return {
      layout,
      state: undefined,
      bios: [dead ?? { broken: 'no table' }],
      uefi: NOTHING,
      mismatched,
    };
  }
  const part = (role: 'efi' | Slot) => {
    const found = layout.partitions.find((partition) => partition.role === role);
    if (found === undefined) throw new Error(`no partition ${role}`);
    return sliceDevice(device, found.offset, found.bytes);
  };
  const contents = { a: await known.contentOf('a'), b: await known.contentOf('b') };
  for (const slot of ['a', 'b'] as const) {
    const trailer = await readTrailer(part(slot));
    if (trailer === undefined) continue;
    const content = contents[slot];
    if (typeof content === 'string' || content.sha256 !== trailer.sha256) mismatched.push(slot);
  }
  const efi = part('efi');
  const loader = await fileIn(efi, known.loader.path);
  let whole =
    typeof loader === 'string' ? loader : loader.equals(known.loader.bytes) ? undefined : 'loader';
  for (const { path, bytes } of known.afterShim) {
    const found = await fileIn(efi, path);
    if (typeof found === 'string' || !found.equals(bytes)) whole ??= path;
  }
  const environment = await fileIn(efi, ENVIRONMENT_PATH);
  const state = typeof environment === 'string' ? undefined : decodeBootState(environment);
  const config = await fileIn(efi, known.config.path);
  const grub = (): readonly Outcome[] => {
    if (gpt.copy !== 'primary') return [{ broken: 'GRUB reads the first table only' }];
    if (typeof config === 'string' || !config.equals(known.config.bytes)) {
      return [{ broken: 'grub.cfg is incomplete' }];
    }
    return choices(state, contents);
  };
  const uefi =
    whole === 'unreadable' ? NOTHING : whole === undefined ? grub() : [{ broken: `EFI: ${whole}` }];
  const first = await biosFirst(device, known);
  return { layout, state, bios: first === undefined ? grub() : [first], uefi, mismatched };
}

const NOTHING: readonly Outcome[] = [{ nothing: true }];

/**
 * Returns all possible outcomes of GRUB: its environment may be unwritable, and it may or may not find `slot.cfg` in an
 * incomplete image.
 */
function choices(
  state: BootState | undefined,
  contents: Readonly<Record<Slot, SlotContent>>,
): readonly Outcome[] {
  const ways = (content: SlotContent) =>
    content === 'parts' ? [true, false] : [content !== 'nothing'];
  const outcomes: Outcome[] = [];
  for (const a of ways(contents.a)) {
    for (const b of ways(contents.b)) {
      for (const canSave of [true, false]) {
        const { slot } = chooseSlot(state, { a, b }, canSave);
        if (slot === null) outcomes.push({ broken: 'neither slot has an image' });
        else {
          const content = contents[slot];
          if (typeof content !== 'string') outcomes.push({ image: content.sha256 });
          else outcomes.push({ broken: `slot ${slot} is incomplete` });
        }
      }
    }
  }
  return outcomes;
}

/**
 * Result of a BIOS boot that fails before GRUB's core reads the disk; undefined if GRUB's core gets to read the disk.
 */
async function biosFirst(device: BlockDevice, { core }: Known): Promise<Outcome | undefined> {
  const mbr = await readBytes(device, 0, 512);
  if (mbr.subarray(0, BOOT_CODE_BYTES).every((byte) => byte === 0)) return { nothing: true };
  const at = Number(mbr.readBigUInt64LE(CORE_SECTOR_AT)) * 512;
  if (core === undefined || at + core.length > device.bytes) return { broken: 'core.img' };
  const found = await readBytes(device, at, core.length);
  const same =
    found.subarray(0, POSITION_INDEPENDENT).equals(core.subarray(0, POSITION_INDEPENDENT)) &&
    found.subarray(512).equals(core.subarray(512)) &&
    Number(found.readBigUInt64LE(POSITION_INDEPENDENT)) * 512 === at + 512;
  return same ? undefined : { broken: 'core.img is incomplete' };
}

/** The content of a file, or the reason why there is none. */
async function fileIn(efi: BlockDevice, path: string): Promise<Buffer | 'unreadable' | 'missing'> {
  try {
    const file = await locateFile(efi, path);
    if (file === undefined) return 'missing';
    const parts: Buffer[] = [];
    for (const { offset, length } of file.extents) parts.push(await readBytes(efi, offset, length));
    return Buffer.concat(parts).subarray(0, file.bytes);
  } catch (error) {
    if (error instanceof ExplainedError) return 'unreadable';
    throw error;
  }
}
