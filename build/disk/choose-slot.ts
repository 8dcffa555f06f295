import type { BootState } from './boot-state.ts';
import type { Slot } from './layout.ts';

/** What GRUB does with an installed disk. */
export interface BootChoice {
  /** The slot that it boots; null if neither has an image. */
  slot: Slot | null;
  /** The boot state that it leaves; undefined if there was none. */
  state: BootState | undefined;
}

/**
 * What the `grub.cfg` of an installed disk decides, when nobody picks an entry of its menu.
 * @param state what the environment says; undefined if nothing that can be used
 * @param present which slots have `/boot/grub/slot.cfg`
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
