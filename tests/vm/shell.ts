import type { Guest } from '../../build/qemu/guest.ts';

/** Asks for a shell of root in the console on the serial port. */
export async function askForShell(guest: Guest): Promise<void> {
  await guest.waitFor(/Press Enter to use the console/);
  guest.type('');
  await guest.waitFor(/8 Shell/);
  guest.send('8');
}

/** Waits until the shell on the serial port asks for a command. */
export async function awaitShell(guest: Guest): Promise<void> {
  await guest.waitFor(/~ # /);
  const prompt = guest.mark;
  // A command that is longer than the line would be echoed in pieces.
  guest.type('stty cols 999');
  await guest.waitFor(/~ # /, prompt);
}
