import { ExplainedError } from '../explained-error.ts';
import { type BlockDevice, readBytes } from './block-device.ts';
import { locateFile } from './fat32.ts';
import type { Slot } from './layout.ts';

/** Content of the first 512 bytes of `grubenv`, from which GRUB decides which slot to boot. */
export interface BootState {
  /** The slot that was confirmed last. */
  good: Slot;
  /** The slot on trial, which is booted while `left` is not 0; null if there is none. */
  trial: Slot | null;
  /** Remaining boots of the slot on trial: 0 to 3. */
  left: number;
}

/** Path of GRUB's environment on the EFI partition. */
export const ENVIRONMENT_PATH = '/grub/grubenv';
/** Sizes in bytes of GRUB's environment, and of its part that changes, which a disk writes atomically. */
const [ENVIRONMENT_BYTES, CHANGING_BYTES] = [1024, 512];
/** First line of an environment. */
const SIGNATURE = '# GRUB Environment Block\n';

/**
 * Encodes a boot state as GRUB's environment, in the variables `good` (a, b), `try` (a, b, -) and `left` (0 to 3). The
 * layout of the bytes does not depend on the state: GRUB, which replaces values in place, thus writes the same bytes as
 * this function.
 */
export function encodeBootState({ good, trial, left }: BootState): Buffer {
  const text = `${SIGNATURE}good=${good}\ntry=${trial ?? '-'}\nleft=${left}\n`;
  return Buffer.alloc(ENVIRONMENT_BYTES, '#').fill(text, 0, text.length, 'latin1');
}

/**
 * Parses GRUB's environment exactly as GRUB does, so that both get the same boot state (grub-core/lib/envblk.c, and the
 * check in the `grub.cfg` of an installed disk).
 * @returns undefined if it contains no valid boot state; GRUB then boots slot A, or B if A has no image
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

/** Parses the variables of an environment; none if its first line is wrong. The last value of a name counts. */
function variablesOf(block: string): Map<string, string> {
  const variables = new Map<string, string>();
  if (!block.startsWith(SIGNATURE)) return variables;
  // A name may span lines up to its `=`; a backslash escapes the next character; a last line without line feed is
  // ignored.
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
 * Reads the boot state from an EFI partition.
 * @returns undefined if GRUB's environment contains none
 * @throws ExplainedError if there is no such file, or the partition cannot be read
 */
export async function readBootState(efi: BlockDevice): Promise<BootState | undefined> {
  const at = await locateEnvironment(efi);
  return decodeBootState(await readBytes(efi, at, ENVIRONMENT_BYTES));
}

/**
 * Writes the boot state atomically, in one sector; returns when the state is on the medium and has been read back.
 * @throws ExplainedError if that fails; the state is then the old one or the new one
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
    what: 'the boot state reads back differently than it was written',
    where: ENVIRONMENT_PATH,
    fix: 'The disk is failing: replace it.',
  });
}

/**
 * Returns the offset of GRUB's environment in bytes.
 * @throws ExplainedError unless it exists, is contiguous, and has the right size
 */
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
