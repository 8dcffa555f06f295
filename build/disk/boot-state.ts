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
