import { ExplainedError } from '../explained-error.ts';
import { type BlockDevice, readBytes } from './block-device.ts';
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

/**
 * Reads GRUB's environment as GRUB does, so that both always think the same of it (grub-core/lib/envblk.c, and the
 * check in the `grub.cfg` of an installed disk).
 * @returns undefined if it says no boot state; GRUB then boots slot A, or B if A has no image
 */
export function decodeBootState(bytes: Buffer): BootState | undefined {
  const variables = variablesOf(bytes.toString('latin1'));
  const [good, trial, left] = [
    variables.get('good') ?? 'a',
    variables.get('try') ?? '-',
    variables.get('left') ?? '0',
  ];
  if (variables.size === 0 || !/^[ab],[ab-],[0-3]$/.test(`${good},${trial},${left}`)) {
    return undefined;
  }
  return {
    good: good === 'a' ? 'a' : 'b',
    trial: trial === 'a' || trial === 'b' ? trial : null,
    left: Number(left),
  };
}

/** Variables of an environment; none if it is not marked as one. The last of a name counts. */
function variablesOf(block: string): Map<string, string> {
  const variables = new Map<string, string>();
  if (!block.startsWith(SIGNATURE)) return variables;
  // A name goes on over lines until there is a `=`; a backslash takes what follows with it; a last line without an end is none.
  const line = /#(?:\\.|[^\\\n])*\n|([^=#][^=]*|)=((?:\\.|[^\\\n])*)\n/sy;
  line.lastIndex = SIGNATURE.length;
  for (let found = line.exec(block); found !== null; found = line.exec(block)) {
    const [, name, value] = found;
    if (name !== undefined && value !== undefined) {
      variables.set(name, value.replace(/\\(.)/gs, '$1'));
    }
  }
  return variables;
}

/**
 * Reads the boot state in an EFI partition.
 * @returns undefined if GRUB's environment says none
 * @throws ExplainedError if there is no such file, or the partition cannot be read
 */
export async function readBootState(efi: BlockDevice): Promise<BootState | undefined> {
  const at = await locateEnvironment(efi);
  return decodeBootState(await readBytes(efi, at, ENVIRONMENT_BYTES));
}

/**
 * Writes the boot state whole, in one sector, and returns when it is on the medium and was read back.
 * @throws ExplainedError if that cannot be had; the state is then the old one, or the new one
 */
export async function writeBootState(efi: BlockDevice, state: BootState): Promise<void> {
  const start = await locateEnvironment(efi);
  const sector = Math.floor(start / efi.sectorSize) * efi.sectorSize;
  const bytes = Buffer.from(await efi.read(sector, efi.sectorSize));
  encodeBootState(state).copy(bytes, start - sector, 0, CHANGING_BYTES);
  await efi.write(sector, bytes);
  await efi.flush();
  if (bytes.equals(await efi.read(sector, efi.sectorSize))) return;
  throw new ExplainedError({
    what: 'the boot state reads otherwise than it was written',
    where: ENVIRONMENT_PATH,
    fix: 'The disk is failing: replace it.',
  });
}

/** Where GRUB's environment begins, bytes. @throws ExplainedError unless it is there, in one piece, and of its size */
async function locateEnvironment(efi: BlockDevice): Promise<number> {
  const file = await locateFile(efi, ENVIRONMENT_PATH);
  const [first] = file?.extents ?? [];
  if (first !== undefined && file?.bytes === ENVIRONMENT_BYTES) {
    if (first.length >= ENVIRONMENT_BYTES) return first.offset;
  }
  throw new ExplainedError({
    what:
      file === undefined
        ? 'the EFI partition has no boot state'
        : 'the boot state is not one piece of 1024 bytes',
    where: ENVIRONMENT_PATH,
    fix: 'Install again; configuration and data can be kept.',
  });
}
