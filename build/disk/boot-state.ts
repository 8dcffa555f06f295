import { ExplainedError } from '../explained-error.ts';
import type { BlockDevice } from './block-device.ts';
import { locateFile } from './fat32.ts';
import type { Slot } from './layout.ts';

/** What GRUB reads in the first 512 bytes of `grubenv`: which slot is booted. */
export interface BootState {
  /** The slot that was confirmed last. */
  good: Slot;
  /** The slot that is tried while it has boots left; null if none is. */
  trial: Slot | null;
  /** Boots of the slot on trial that are left: 0 to 3. */
  left: number;
}

/** Where GRUB's environment is on the EFI partition. */
export const ENVIRONMENT_PATH = '/grub/grubenv';
/** Bytes of GRUB's environment, and of its part that ever changes: what a disk writes whole or not at all. */
const [ENVIRONMENT_BYTES, CHANGING_BYTES] = [1024, 512];
/** What GRUB knows an environment by. */
const SIGNATURE = '# GRUB Environment Block\n';

/**
 * GRUB's environment that says a boot state, in variables `good` (a, b), `try` (a, b, -) and `left` (0 to 3). It has the
 * same shape whatever it says, so that GRUB, which replaces values in place, writes the same bytes as this does.
 */
export function encodeBootState({ good, trial, left }: BootState): Buffer {
  const text = `${SIGNATURE}good=${good}\ntry=${trial ?? '-'}\nleft=${left}\n`;
  return Buffer.alloc(ENVIRONMENT_BYTES, '#').fill(text, 0, text.length, 'latin1');
}

/** @returns undefined if the bytes say no boot state; GRUB then boots slot A, or B if A has no image */
export function decodeBootState(bytes: Buffer): BootState | undefined {
  const text = bytes.toString('latin1', 0, CHANGING_BYTES);
  const match = /^# GRUB Environment Block\ngood=([ab])\ntry=([ab-])\nleft=([0-3])\n#*$/.exec(text);
  if (bytes.length < CHANGING_BYTES || match === null) return undefined;
  const [, good, trial, left] = match;
  return {
    good: good === 'a' ? 'a' : 'b',
    trial: trial === 'a' || trial === 'b' ? trial : null,
    left: Number(left),
  };
}

/**
 * Reads the boot state in an EFI partition.
 * @returns undefined if GRUB's environment says none
 * @throws ExplainedError if there is no such file, or the partition cannot be read
 */
export async function readBootState(efi: BlockDevice): Promise<BootState | undefined> {
  const { sector, at } = await locateEnvironment(efi);
  const bytes = await efi.read(sector, efi.sectorSize);
  return decodeBootState(bytes.subarray(at, at + CHANGING_BYTES));
}

/**
 * Writes the boot state whole, in one sector, and returns when it is on the medium and was read back.
 * @throws ExplainedError if that cannot be had; the state is then the old one, or the new one
 */
export async function writeBootState(efi: BlockDevice, state: BootState): Promise<void> {
  const { sector, at } = await locateEnvironment(efi);
  const bytes = Buffer.from(await efi.read(sector, efi.sectorSize));
  encodeBootState(state).copy(bytes, at, 0, CHANGING_BYTES);
  await efi.write(sector, bytes);
  await efi.flush();
  if (bytes.equals(await efi.read(sector, efi.sectorSize))) return;
  throw new ExplainedError({
    what: 'the boot state reads otherwise than it was written',
    where: ENVIRONMENT_PATH,
    fix: 'The disk is failing: replace it.',
  });
}

/** The sector that the changing part of the environment is in, and where in it; bytes. */
async function locateEnvironment(efi: BlockDevice): Promise<{ sector: number; at: number }> {
  const file = await locateFile(efi, ENVIRONMENT_PATH);
  const [first] = file?.extents ?? [];
  if (file === undefined || first === undefined || file.bytes !== ENVIRONMENT_BYTES) {
    throw new ExplainedError({
      what:
        file === undefined
          ? 'the EFI partition has no boot state'
          : 'the boot state has another size than 1024 bytes',
      where: ENVIRONMENT_PATH,
      fix: 'Install again; configuration and data can be kept.',
    });
  }
  const sector = Math.floor(first.offset / efi.sectorSize) * efi.sectorSize;
  return { sector, at: first.offset - sector };
}
