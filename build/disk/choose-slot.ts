import type { BootState } from './boot-state.ts';
import type { Slot } from './layout.ts';

/** Result of booting an installed disk with GRUB. */
export interface BootChoice {
  /** The slot that is booted; null if neither has an image. */
  slot: Slot | null;
  /** The boot state afterwards; undefined if there was none. */
  state: BootState | undefined;
}

/**
 * Returns which slot the `grub.cfg` of an installed disk boots if nobody selects a menu entry.
 * @param state boot state in the environment; undefined if it is not valid
 * @param present slots that have `/boot/grub/slot.cfg`
 * @param canSave whether GRUB can write its environment
 */
export function chooseSlot(
  state: BootState | undefined,
  present: Readonly<Record<Slot, boolean>>,
  canSave: boolean,
): BootChoice {
  if (state !== undefined && state.trial !== null && state.left > 0 && present[state.trial]) {
    const counted = { ...state, left: state.left - 1 };
    if (canSave) return { slot: state.trial, state: counted };
  }
  const good = state?.good ?? 'a';
  const other = good === 'a' ? 'b' : 'a';
  const slot = present[good] ? good : present[other] ? other : null;
  return { slot, state };
}
