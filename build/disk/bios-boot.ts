import { ExplainedError } from '../explained-error.ts';
import { BOOT_CODE_BYTES } from './gpt.ts';
import type { LaidPartition } from './layout.ts';

/** Offsets in GRUB's `boot.img` (grub-core/boot/i386/pc/boot.S): sector to load, and a check for floppy disks. */
const [CORE_SECTOR_AT, DRIVE_CHECK_AT, NO_CHECK] = [0x5c, 0x66, 0x9090];
/**
 * Offset in GRUB's `core.img` of the position of its second and later sectors: sector (u64), count (u16), segment
 * (u16).
 */
const REST_AT = 0x1f4;
const SECTOR = 512;
/** Real-mode segment to which the rest of `core.img` is loaded. */
const REST_SEGMENT = 0x820;

/** GRUB for BIOS: `boot.img` of GRUB's package, and `core.img` made by grub-mkimage(1). */
export interface BiosBoot {
  /** `boot.img`, 512 bytes. */
  boot: Buffer;
  /** `core.img` for i386-pc, which reads its `grub.cfg` from the EFI partition. */
  core: Buffer;
}

/**
 * Adapts GRUB to the position of its BIOS partition, on a disk with 512-byte sectors.
 * @returns the MBR's boot code, and the content of the partition
 * @throws ExplainedError if these are not GRUB images, or do not fit
 */
export function placeBiosBoot(
  { boot, core }: BiosBoot,
  partition: LaidPartition,
): { code: Buffer; core: Buffer } {
  if (boot.length !== SECTOR || boot.readUInt16LE(510) !== 0xaa55) {
    throw new ExplainedError({ what: 'boot.img is not a boot sector' });
  }
  const rest = Math.ceil(core.length / SECTOR) - 1;
  if (rest < 1 || (rest + 1) * SECTOR > partition.bytes) {
    throw new ExplainedError({ what: `a core.img of ${core.length} bytes does not fit` });
  }
  const first = partition.offset / SECTOR;
  const code = Buffer.from(boot.subarray(0, BOOT_CODE_BYTES));
  code.writeBigUInt64LE(BigInt(first), CORE_SECTOR_AT);
  code.writeUInt16LE(NO_CHECK, DRIVE_CHECK_AT);
  const placed = Buffer.alloc((rest + 1) * SECTOR);
  core.copy(placed);
  placed.writeBigUInt64LE(BigInt(first + 1), REST_AT);
  placed.writeUInt16LE(rest, REST_AT + 8);
  placed.writeUInt16LE(REST_SEGMENT, REST_AT + 10);
  return { code, core: placed };
}
