import type { Chord } from '../../build/qemu/keyboard.ts';
import { type Story, untilSucceeds } from './story.ts';

/**
 * Waits until the guest's screen shows one of some texts; its shell on the serial port reads the screen's memory
 * (vcs(4)).
 */
export async function untilScreenShows(story: Story, ...texts: readonly string[]): Promise<void> {
  const patterns = texts.map((text) => `-e '${text}'`).join(' ');
  await untilSucceeds(story, `grep -qF ${patterns} /dev/vcs1`);
}

/** Presses one key after the other on the guest's keyboard. */
export async function pressInTurn({ guest }: Story, ...chords: readonly Chord[]): Promise<void> {
  for (const chord of chords) await guest.press(...chord);
}

/** Empties a field of a form, which may have at most 20 characters, and types a text. */
export async function fillIn(story: Story, text: string): Promise<void> {
  const longest = Array.from({ length: 20 }, () => ['backspace']);
  await pressInTurn(story, ['end'], ...longest);
  await story.guest.typeOnKeyboard(text);
}
